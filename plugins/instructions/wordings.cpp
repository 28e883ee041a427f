// wordings.cpp - the sentences of wordings.hpp.  In braces: n a number, s a plural ending, w a text
// in quotes, k a place, and phrases made of a word list (words_phrase in phrase.cpp).
#include "wordings.hpp"

namespace samara::ifeval {
namespace {

// clang-format off
constexpr const char* kExistence[] = {
    "Include {all} in your reply.",
    "Make sure that {all} can be found in the answer.",
    "Work {all} into what you write.",
    "Your response should mention {all}.",
    "See to it that the text contains {all}.",
    "Somewhere in the answer, use {all}."};
constexpr const char* kExistenceNot[] = {
    "Leave out {not_all}, also as a part of longer words.",
    "Do without {not_all}, even inside longer words.",
    "Keep {not_all} out of your reply, including inside other words.",
    "Your response should avoid {not_all}, even as part of another word.",
    "See to it that {not_all} is missing from the text, inside longer words too.",
    "Nowhere in the answer, not even within other words, should {not_all} turn up."};
constexpr const char* kFrequencyAtLeast[] = {
    "Use the word {w} at least {n} time{s}.",
    "The word {w} should turn up {n} or more times in your answer.",
    "Let {w} occur at least {n} time{s} in the reply.",
    "Write {w} no fewer than {n} time{s}."};
constexpr const char* kFrequencyLessThan[] = {
    "Use the word {w} less than {n} time{s}.",
    "The word {w} should turn up fewer than {n} time{s} in your answer.",
    "Let {w} occur less than {n} time{s} in the reply.",
    "Keep {w} to fewer than {n} use{s}."};
constexpr const char* kForbidden[] = {
    "Do not use {none} in your reply.",
    "Answer without {none}.",
    "Avoid {none} completely.",
    "Your response must not contain {none}.",
    "Please get by without {none}.",
    "Nothing you write should contain {none}."};
constexpr const char* kForbiddenNot[] = {
    "Use {any} in your reply, as a word of its own.",
    "Answer with {any} standing somewhere as a whole word.",
    "Bring in {any} as a separate word.",
    "Your response must contain {any} as a full word.",
    "Please let {any} appear, not just inside a longer word.",
    "What you write should contain {any}, on its own and not within another word."};
constexpr const char* kLetterAtLeast[] = {
    "The letter {w} should appear at least {n} time{s}.",
    "Write so that the letter {w} occurs {n} or more times.",
    "Your answer needs at least {n} occurrence{s} of the letter {w}.",
    "Use the letter {w} no fewer than {n} time{s}."};
constexpr const char* kLetterLessThan[] = {
    "The letter {w} should appear less than {n} time{s}.",
    "Write so that the letter {w} occurs fewer than {n} time{s}.",
    "Your answer may hold only less than {n} occurrence{s} of the letter {w}.",
    "Use the letter {w} fewer than {n} time{s}."};
constexpr const char* kSentencesAtLeast[] = {
    "Write at least {n} sentence{s}.",
    "Your answer should run to {n} or more sentences.",
    "Give a reply of at least {n} sentence{s}.",
    "No fewer than {n} sentence{s}, please."};
constexpr const char* kSentencesLessThan[] = {
    "Write less than {n} sentence{s}.",
    "Your answer should run to fewer than {n} sentence{s}.",
    "Give a reply of less than {n} sentence{s}.",
    "Fewer than {n} sentence{s}, please."};
constexpr const char* kParagraphs[] = {
    "Write exactly {n} paragraph{s}, with *** between one paragraph and the next.",
    "Divide the answer by *** so that it has exactly {n} paragraph{s}.",
    "There should be {n} paragraph{s}, no more and no less, separated by the divider ***.",
    "Use *** as the divider and give precisely {n} paragraph{s}."};
constexpr const char* kParagraphsNot[] = {
    "Do not write exactly {n} paragraph{s}, counting *** as the divider between paragraphs.",
    "Divide the answer by *** into any number of paragraphs except {n}.",
    "With *** as the separator, the number of paragraphs should be anything but {n}.",
    "Have more or fewer than {n} paragraph{s}, where *** stands between paragraphs."};
constexpr const char* kWordsAtLeast[] = {
    "Answer in at least {n} word{s}.",
    "Your reply should have {n} or more words.",
    "Write no fewer than {n} word{s}.",
    "Let the response be at least {n} word{s} long.",
    "Do not stop before you have written at least {n} word{s}.",
    "The text needs to reach {n} word{s}."};
constexpr const char* kWordsLessThan[] = {
    "Answer in less than {n} word{s}.",
    "Your reply should have fewer than {n} word{s}.",
    "Write fewer than {n} word{s} in all.",
    "Let the response be less than {n} word{s} long.",
    "Stop before you have written {n} word{s}.",
    "The text needs to stay below {n} word{s}."};
constexpr const char* kParagraphStart[] = {
    "Write {n} paragraph{s} with a blank line between them, and begin paragraph {k} with the word {w}.",
    "Separate your {n} paragraph{s} by blank lines; the first word of paragraph {k} is {w}.",
    "There should be {n} paragraph{s}, set apart by empty lines, of which number {k} opens with {w}.",
    "Give {n} paragraph{s} divided by two line breaks, and let paragraph {k} start with {w}."};
constexpr const char* kParagraphStartNot[] = {
    "Do not write {n} paragraph{s} with a blank line between them of which paragraph {k} begins with the word {w}.",
    "Separate your paragraphs by blank lines; with {n} of them, the first word of paragraph {k} is not {w}.",
    "There should not be {n} paragraph{s}, set apart by empty lines, of which number {k} opens with {w}.",
    "Divide the text by two line breaks, but not into {n} paragraph{s} of which number {k} starts with {w}."};
constexpr const char* kPlaceholders[] = {
    "Put in at least {n} placeholder{s} in square brackets, such as [name].",
    "Your answer needs {n} or more placeholders written like [date].",
    "Leave at least {n} blank{s} to fill in, each marked by square brackets as in [place].",
    "Use square brackets for no fewer than {n} placeholder{s}, for example [address]."};
constexpr const char* kPlaceholdersNot[] = {
    "Put in fewer than {n} placeholder{s} in square brackets, such as [name].",
    "Your answer may have only less than {n} placeholder{s} written like [date].",
    "Leave fewer than {n} blank{s} to fill in, each marked by square brackets as in [place].",
    "Use square brackets for less than {n} placeholder{s}, for example [address]."};
constexpr const char* kPostscript[] = {
    "Close with a postscript that begins with {m}",
    "After the answer, add a postscript starting with {m}",
    "Finish by adding a note headed {m}",
    "Your reply should carry a postscript marked {m}"};
constexpr const char* kPostscriptNot[] = {
    "Close without a postscript that begins with {m}",
    "After the answer, add no postscript starting with {m}",
    "Finish without adding a note headed {m}",
    "Your reply should not carry a postscript marked {m}"};
constexpr const char* kBullets[] = {
    "Give exactly {n} bullet point{s} in markdown, each on a line that starts with \"* \" or \"- \".",
    "The answer should hold exactly {n} markdown bullet{s} (lines opening with \"* \" or \"- \").",
    "Set out precisely {n} bullet point{s}, using \"* \" or \"- \" at the start of the line.",
    "List {n} point{s}, no more and no fewer, as markdown bullets (\"* \" or \"- \")."};
constexpr const char* kBulletsNot[] = {
    "Give any number of markdown bullet points except {n}; a bullet is a line starting with \"* \" or \"- \".",
    "The answer should not hold exactly {n} markdown bullet{s} (lines opening with \"* \" or \"- \").",
    "Set out more or fewer than {n} bullet point{s}, counting lines that start with \"* \" or \"- \".",
    "Whatever you list, do not end up with exactly {n} markdown bullet{s} (\"* \" or \"- \")."};
constexpr const char* kOption[] = {
    "Answer with one of these: My answer is yes. / My answer is no. / My answer is maybe.",
    "Your reply must contain \"My answer is yes.\", \"My answer is no.\" or \"My answer is maybe.\"",
    "Choose between \"My answer is yes.\", \"My answer is no.\" and \"My answer is maybe.\" and write it out.",
    "Say one of the following, word for word: My answer is yes. My answer is no. My answer is maybe."};
constexpr const char* kHighlights[] = {
    "Highlight at least {n} part{s} of your answer in markdown, like *this*.",
    "Mark {n} or more passages with stars, as in *an important point*.",
    "Set at least {n} phrase{s} between stars, the way markdown does: *phrase*.",
    "No fewer than {n} section{s} should be emphasised like *this one*."};
constexpr const char* kHighlightsNot[] = {
    "Highlight fewer than {n} part{s} of your answer in markdown, like *this*.",
    "Mark less than {n} passage{s} with stars, as in *an important point*.",
    "Set fewer than {n} phrase{s} between stars, the way markdown does: *phrase*.",
    "Less than {n} section{s} should be emphasised like *this one*."};
constexpr const char* kSections[] = {
    "Divide the answer into at least {n} section{s}, headed {t} 1, {t} 2 and so on.",
    "Write {n} or more sections and begin each one with {t} and its number.",
    "Your reply needs at least {n} section{s}; mark their beginnings as {t} 1, {t} 2, ...",
    "Use the headings {t} 1, {t} 2 and so on for no fewer than {n} section{s}."};
constexpr const char* kJson[] = {
    "Give the whole answer as JSON; a code fence around it is fine.",
    "Reply with nothing but valid JSON, fenced by ``` if you like.",
    "Your entire output must be one JSON value.",
    "Format everything you write as JSON."};
constexpr const char* kTitle[] = {
    "Give your answer a title in double angular brackets, such as <<a walk at dawn>>.",
    "Put a title somewhere, written like <<this>>.",
    "Include a heading wrapped in << and >>.",
    "Your reply needs a title between double angular brackets, as in <<title>>."};
constexpr const char* kTitleNot[] = {
    "Give your answer no title in double angular brackets, such as <<a walk at dawn>>.",
    "Do not put a title anywhere, written like <<this>>.",
    "Leave out any heading wrapped in << and >>.",
    "Your reply should have no title between double angular brackets, as in <<title>>."};
constexpr const char* kTwoResponses[] = {
    "Give two different answers with ****** between them.",
    "Write two answers that differ, separated by six asterisks: ******.",
    "Offer two distinct responses and put ****** between the first and the second.",
    "Answer twice, in different ways, with the line ****** as the only divider."};
constexpr const char* kRepeatPrompt[] = {
    "Before you answer, repeat these words exactly as they are: {t}",
    "Begin with this request, word for word, and only then answer it: {t}",
    "Start your reply by copying the following without a change: {t}",
    "First write out the request below unchanged, then give the answer: {t}"};
constexpr const char* kEnd[] = {
    "End your answer with exactly these words: {t}",
    "The very last words of the reply should be: {t}",
    "Close with the following phrase and add nothing after it: {t}",
    "Let the text finish on this phrase: {t}"};
constexpr const char* kEndNot[] = {
    "Do not end your answer with exactly these words: {t}",
    "The very last words of the reply should be other than: {t}",
    "Close in any way but with the following phrase: {t}",
    "Let the text finish on anything except this phrase: {t}"};
constexpr const char* kQuotation[] = {
    "Put your whole answer in double quotation marks.",
    "Begin and end the reply with a double quotation mark (\").",
    "Wrap everything you write in \"double quotes\".",
    "The entire response should stand between double quotation marks."};
constexpr const char* kQuotationNot[] = {
    "Do not put your whole answer in double quotation marks.",
    "Do not both begin and end the reply with a double quotation mark (\").",
    "Write without wrapping everything in \"double quotes\".",
    "The entire response should not stand between double quotation marks."};
constexpr const char* kCapitalsAtLeast[] = {
    "Write at least {n} word{s} in capital letters only.",
    "Words in all capitals should occur {n} or more times.",
    "Use at least {n} fully capitalised word{s}, LIKE THESE.",
    "No fewer than {n} word{s} should be in capital letters throughout."};
constexpr const char* kCapitalsLessThan[] = {
    "Write less than {n} word{s} in capital letters only.",
    "Words in all capitals should occur fewer than {n} time{s}.",
    "Use less than {n} fully capitalised word{s}, LIKE THESE.",
    "Fewer than {n} word{s} should be in capital letters throughout."};
constexpr const char* kNoComma[] = {
    "Do not use any commas.",
    "Write your whole answer without a comma.",
    "Avoid commas from beginning to end.",
    "There should be no comma in the response.",
    "Please get by without commas.",
    "Punctuate as you like, but never with a comma."};
constexpr const char* kNoCommaNot[] = {
    "Use at least one comma.",
    "Write your answer with a comma in it somewhere.",
    "Put in one or more commas.",
    "There should be at least one comma in the response.",
    "Please do not get by without commas.",
    "Punctuate as you like, but with a comma at least once."};
// clang-format on

}  // namespace

WordingList wordings_of(Kind kind) {
    switch (kind) {
        case Kind::existence:
            return {kExistence, kExistenceNot};
        case Kind::frequency:
            return {kFrequencyAtLeast, kFrequencyLessThan};
        case Kind::forbidden:
            return {kForbidden, kForbiddenNot};
        case Kind::letter:
            return {kLetterAtLeast, kLetterLessThan};
        case Kind::sentences:
            return {kSentencesAtLeast, kSentencesLessThan};
        case Kind::paragraphs:
            return {kParagraphs, kParagraphsNot};
        case Kind::words:
            return {kWordsAtLeast, kWordsLessThan};
        case Kind::paragraph_start:
            return {kParagraphStart, kParagraphStartNot};
        case Kind::placeholders:
            return {kPlaceholders, kPlaceholdersNot};
        case Kind::postscript:
            return {kPostscript, kPostscriptNot};
        case Kind::bullets:
            return {kBullets, kBulletsNot};
        case Kind::option:
            return {kOption, {}};
        case Kind::highlights:
            return {kHighlights, kHighlightsNot};
        case Kind::sections:
            return {kSections, {}};
        case Kind::json:
            return {kJson, {}};
        case Kind::title:
            return {kTitle, kTitleNot};
        case Kind::two_responses:
            return {kTwoResponses, {}};
        case Kind::repeat_prompt:
            return {kRepeatPrompt, {}};
        case Kind::end_phrase:
            return {kEnd, kEndNot};
        case Kind::quotation:
            return {kQuotation, kQuotationNot};
        case Kind::capital_words:
            return {kCapitalsAtLeast, kCapitalsLessThan};
        case Kind::no_comma:
            return {kNoComma, kNoCommaNot};
        default:
            return wordings_of_more(kind);
    }
}

}  // namespace samara::ifeval
