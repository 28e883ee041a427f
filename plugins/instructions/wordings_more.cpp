// wordings_more.cpp - the sentences of wordings.hpp for the types beyond IFEval.  In braces as in
// wordings.cpp.
#include "wordings.hpp"

namespace samara::ifeval {
namespace {

// clang-format off
constexpr const char* kRange[] = {
    "Write between {n} and {k} words.",
    "Your answer should have at least {n} and at most {k} words.",
    "Keep the length of the reply within {n} to {k} words.",
    "The number of words should lie from {n} up to {k}."};
constexpr const char* kRangeNot[] = {
    "Write fewer than {n} or more than {k} words.",
    "Your answer should not have a length of {n} to {k} words.",
    "Keep the length of the reply outside of {n} to {k} words.",
    "The number of words should lie below {n} or above {k}."};
constexpr const char* kUnique[] = {
    "Use at least {n} different word{s}.",
    "Your vocabulary in this answer should reach {n} distinct word{s}.",
    "No fewer than {n} different words should occur.",
    "Let the reply hold {n} or more distinct words."};
constexpr const char* kUniqueNot[] = {
    "Use fewer than {n} different word{s}.",
    "Your vocabulary in this answer should stay below {n} distinct word{s}.",
    "Less than {n} different words should occur.",
    "Let the reply hold fewer than {n} distinct words."};
constexpr const char* kNumbers[] = {
    "Include exactly {n} number{s} written in digits.",
    "The answer should give precisely {n} number{s} in figures.",
    "Use {n} number{s} in digits, no more and no fewer.",
    "Numbers in digits should occur exactly {n} time{s}."};
constexpr const char* kNumbersNot[] = {
    "Include more or fewer than {n} number{s} written in digits.",
    "The answer should not give precisely {n} number{s} in figures.",
    "Use any amount of numbers in digits except {n}.",
    "Numbers in digits should not occur exactly {n} time{s}."};
constexpr const char* kRepeats[] = {
    "Do not use any word more than {n} time{s}.",
    "No word should occur more often than {n} time{s}.",
    "Each word may be used at most {n} time{s}.",
    "Limit every single word to {n} use{s}."};
constexpr const char* kRepeatsNot[] = {
    "Use some word more than {n} time{s}.",
    "At least one word should occur more often than {n} time{s}.",
    "Let a word of your choice be used over {n} time{s}.",
    "Go beyond {n} use{s} with at least one word."};
constexpr const char* kNoConsecutive[] = {
    "No two neighbouring words may begin with the same letter.",
    "Let each word start with another letter than the word before it.",
    "Avoid two words in a row that share their first letter.",
    "Consecutive words should always differ in their first letter."};
constexpr const char* kNoConsecutiveNot[] = {
    "Somewhere, two neighbouring words should begin with the same letter.",
    "Let at least one word start with the same letter as the word before it.",
    "Include two words in a row that share their first letter.",
    "Consecutive words should agree in their first letter at least once."};
constexpr const char* kPalindromes[] = {
    "Include ten or more words of at least five letters that read the same backwards.",
    "Use at least 10 palindromes, each a single word of five letters or more.",
    "Ten palindromes (single words, five or more letters) should occur.",
    "Work in no fewer than ten one-word palindromes of five letters or more."};
constexpr const char* kPalindromesNot[] = {
    "Include fewer than ten words of at least five letters that read the same backwards.",
    "Use less than 10 palindromes, counting single words of five letters or more.",
    "Ten palindromes (single words, five or more letters) would be too many: stay below.",
    "Work in fewer than ten one-word palindromes of five letters or more."};
constexpr const char* kNested[] = {
    "Nest brackets of any kind at least five levels deep.",
    "Put parentheses, square brackets or braces into one another, five deep or deeper.",
    "Somewhere, brackets should stand inside brackets down to a fifth level.",
    "Use nested brackets of any kind with a depth of no less than five."};
constexpr const char* kNestedNot[] = {
    "Do not nest brackets of any kind five levels deep or more.",
    "Put parentheses, square brackets or braces into one another less than five deep.",
    "Nowhere should brackets stand inside brackets down to a fifth level.",
    "Use nested brackets of any kind only with a depth below five."};
constexpr const char* kPerLine[] = {
    "Write each word on a line of its own.",
    "Begin a new line after every word.",
    "Put one word on every line.",
    "Every line of the answer should hold a single word."};
constexpr const char* kPerLineNot[] = {
    "Do not write each word on a line of its own.",
    "Do not begin a new line after every word.",
    "Put two or more words on some line.",
    "Not every line of the answer should hold a single word."};
constexpr const char* kNoSpace[] = {
    "Do not use any spaces or line breaks.",
    "Write without white space.",
    "The answer should be free of blanks, tabs and line breaks.",
    "Leave no white space anywhere in the reply."};
constexpr const char* kNoSpaceNot[] = {
    "Use at least one space or line break.",
    "Write with white space in it.",
    "The answer should not be free of blanks, tabs and line breaks.",
    "Leave some white space in the reply."};
constexpr const char* kTemplate[] = {
    "Follow this template: My Answer: [answer] My Conclusion: [conclusion] Future Outlook: [outlook]",
    "Give your reply under the headings \"My Answer:\", \"My Conclusion:\" and \"Future Outlook:\".",
    "The parts \"My Answer:\", \"My Conclusion:\" and \"Future Outlook:\" should all appear.",
    "Structure the reply by My Answer:, My Conclusion: and Future Outlook: in these words."};
constexpr const char* kTemplateNot[] = {
    "Do not follow this template: My Answer: [answer] My Conclusion: [conclusion] Future Outlook: [outlook]",
    "Do not give your reply under the headings \"My Answer:\", \"My Conclusion:\" and \"Future Outlook:\".",
    "The parts \"My Answer:\", \"My Conclusion:\" and \"Future Outlook:\" should not all appear.",
    "Structure the reply otherwise than by My Answer:, My Conclusion: and Future Outlook: in these words."};
constexpr const char* kOnce[] = {
    "Use the word {w} exactly once.",
    "The word {w} should turn up one time and no more, longer words included.",
    "Let {w} occur a single time, also counting it inside other words.",
    "Mention {w} once, neither less nor more often."};
constexpr const char* kOnceNot[] = {
    "Do not use the word {w} exactly once: leave it out or repeat it.",
    "The word {w} should turn up never or more than one time, longer words included.",
    "Let {w} occur any number of times but one, also counting it inside other words.",
    "Mention {w} more than once or not at all."};
constexpr const char* kFirst[] = {
    "Begin your answer with the word {w}.",
    "The first word of the reply should be {w}.",
    "Let the response open with {w}.",
    "Start with {w} as the very first word."};
constexpr const char* kFirstNot[] = {
    "Do not begin your answer with the word {w}.",
    "The first word of the reply should be another than {w}.",
    "Let the response open with anything but {w}.",
    "Start with a very first word that is not {w}."};
constexpr const char* kLast[] = {
    "End your answer with the word {w}.",
    "The last word of the reply should be {w}.",
    "Let the response close with {w}.",
    "Finish with {w} as the very last word."};
constexpr const char* kLastNot[] = {
    "Do not end your answer with the word {w}.",
    "The last word of the reply should be another than {w}.",
    "Let the response close with anything but {w}.",
    "Finish with a very last word that is not {w}."};
constexpr const char* kNoDot[] = {
    "Do not use any full stops.",
    "Write your whole answer without a single dot.",
    "Avoid the character \".\" from beginning to end.",
    "There should be no period in the response."};
constexpr const char* kNoDotNot[] = {
    "Use at least one full stop.",
    "Write your answer with a dot in it somewhere.",
    "Include the character \".\" one or more times.",
    "There should be at least one period in the response."};
constexpr const char* kNoBang[] = {
    "Do not use any exclamation marks.",
    "Write your whole answer without an exclamation mark.",
    "Avoid the character \"!\" from beginning to end.",
    "There should be no exclamation mark in the response."};
constexpr const char* kNoBangNot[] = {
    "Use at least one exclamation mark.",
    "Write your answer with an exclamation mark in it somewhere.",
    "Include the character \"!\" one or more times.",
    "There should be at least one exclamation mark in the response."};
constexpr const char* kLettersAtLeast[] = {
    "Answer with at least {n} letter{s}.",
    "Your reply should have {n} or more letters.",
    "Write no fewer than {n} letters, not counting anything else.",
    "The letters of the response should add up to at least {n}."};
constexpr const char* kLettersLessThan[] = {
    "Answer with less than {n} letter{s}.",
    "Your reply should have fewer than {n} letters.",
    "Write fewer than {n} letters, not counting anything else.",
    "The letters of the response should add up to less than {n}."};
constexpr const char* kLowercase[] = {
    "Use at most {n} word{s} written in small letters only.",
    "Words in all lowercase should occur no more than {n} time{s}.",
    "Limit the words without any capital letter to {n}.",
    "Up to {n} lowercase word{s} may appear in the answer."};
constexpr const char* kLowercaseNot[] = {
    "Use more than {n} word{s} written in small letters only.",
    "Words in all lowercase should occur more than {n} time{s}.",
    "Go beyond {n} with the words without any capital letter.",
    "Over {n} lowercase word{s} should appear in the answer."};
constexpr const char* kBrackets[] = {
    "Put every word in square brackets, [like] [this].",
    "Each word of the answer should stand in [square] [brackets].",
    "Enclose all words one by one in square brackets.",
    "Write [every] [single] [word] between square brackets."};
constexpr const char* kBracketsNot[] = {
    "Do not put every word in square brackets, [like] [this].",
    "Not each word of the answer should stand in [square] [brackets].",
    "Leave at least one word without square brackets around it.",
    "Do not write [every] [single] [word] between square brackets."};
constexpr const char* kBigrams[] = {
    "Wrap every two words in double angular brackets, <<like this>> <<and so>> <<it goes>>.",
    "Take the words in pairs and write each pair as <<two words>>.",
    "Pairs of words should all stand in << and >>.",
    "Put << before and >> after every pair of words."};
constexpr const char* kBigramsNot[] = {
    "Do not wrap every two words in double angular brackets, <<like this>> <<and so>> <<it goes>>.",
    "Do not take the words in pairs and write each pair as <<two words>>.",
    "Pairs of words should not all stand in << and >>.",
    "Do not put << before and >> after every pair of words."};
constexpr const char* kNoDigits[] = {
    "Do not use any digits.",
    "Write your whole answer without figures such as 7.",
    "Avoid the characters 0 to 9 completely.",
    "There should be no digit in the response."};
constexpr const char* kNoDigitsNot[] = {
    "Use at least one digit.",
    "Write your answer with a figure such as 7 in it somewhere.",
    "Include one or more of the characters 0 to 9.",
    "There should be at least one digit in the response."};
constexpr const char* kQuestion[] = {
    "Use at least one question mark.",
    "Ask something: a question mark should occur.",
    "Include the character \"?\" one or more times.",
    "There should be a question mark somewhere in the response."};
constexpr const char* kQuestionNot[] = {
    "Do not use any question mark.",
    "Ask nothing: no question mark should occur.",
    "Avoid the character \"?\" from beginning to end.",
    "There should be no question mark anywhere in the response."};
// clang-format on

}  // namespace

WordingList wordings_of_more(Kind kind) {
    switch (kind) {
        case Kind::word_range:
            return {kRange, kRangeNot};
        case Kind::unique_words:
            return {kUnique, kUniqueNot};
        case Kind::numbers:
            return {kNumbers, kNumbersNot};
        case Kind::repeats:
            return {kRepeats, kRepeatsNot};
        case Kind::no_consecutive:
            return {kNoConsecutive, kNoConsecutiveNot};
        case Kind::palindromes:
            return {kPalindromes, kPalindromesNot};
        case Kind::nested:
            return {kNested, kNestedNot};
        case Kind::word_per_line:
            return {kPerLine, kPerLineNot};
        case Kind::no_whitespace:
            return {kNoSpace, kNoSpaceNot};
        case Kind::output_template:
            return {kTemplate, kTemplateNot};
        case Kind::word_once:
            return {kOnce, kOnceNot};
        case Kind::first_word:
            return {kFirst, kFirstNot};
        case Kind::last_word:
            return {kLast, kLastNot};
        case Kind::no_dot:
            return {kNoDot, kNoDotNot};
        case Kind::no_exclamation:
            return {kNoBang, kNoBangNot};
        case Kind::letters:
            return {kLettersAtLeast, kLettersLessThan};
        case Kind::lowercase_words:
            return {kLowercase, kLowercaseNot};
        case Kind::square_brackets:
            return {kBrackets, kBracketsNot};
        case Kind::bigrams:
            return {kBigrams, kBigramsNot};
        case Kind::no_digits:
            return {kNoDigits, kNoDigitsNot};
        case Kind::question_mark:
            return {kQuestion, kQuestionNot};
        default:
            return {};
    }
}

}  // namespace samara::ifeval
