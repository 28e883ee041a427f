// sentence_words.cpp - the word lists of sentence_words.hpp.
#include "sentence_words.hpp"

#include <unordered_set>

namespace samara::ifeval {
namespace {

using Words = std::unordered_set<View>;

Words words_of(View list) {
    Words out;
    for (const View word : split(list, U" ")) {
        out.insert(word);
    }
    return out;
}

}  // namespace

bool is_abbreviation(View word) {
    static const Words kWords = words_of(
        U"mr mrs ms dr prof sr jr st lt col gen maj adm sen rep reps messrs inc ltd co corp bros "
        U"cos cie jan feb aug sep sept oct nov dec tues wed fri ave ft ct mg yr vs ph.d m.b.a a.m "
        U"p.m a.d a.c d.c u.s u.k u.n u.s.a u.s.s.r n.y n.j n.c n.d n.h n.m s.c l.a w.va ala ariz "
        U"calif colo conn fla ga ill kan ky mich minn nev okla ore pa tenn va vt wash wis ok chg "
        U"c d e f g h k l m n p r s t v w j.p j.k j.r j.c c.v");
    return word == U". . " || kWords.count(word) != 0;
}

bool is_opener(View word) {
    static const Words kWords = words_of(
        U"the this these it he they i your her when which but so yet nor if else although though "
        U"while whereas since unless in without within into onto under between among through "
        U"despite yes always sometimes even still already soon here there however therefore thus "
        U"hence meanwhile moreover furthermore finally instead indeed nevertheless nonetheless "
        U"otherwise similarly likewise were does try think remember imagine consider some both "
        U"either neither many most such thanks please sorry okay nothing someone anyone according "
        U"overall together inside above behind beyond suddenly slowly eventually");
    return kWords.count(word) != 0;
}

bool is_common(View word) {
    static const Words kWords = words_of(
        U"a an that those she we you my its our their who what where why how and or then because "
        U"until as after before once on at by for from with over during about against toward not "
        U"no never often usually perhaps maybe also too only just again later now today is are was "
        U"be do did have has had can could will would shall should may might must let make take "
        U"get give go come see look find use keep know any all each every much more few several "
        U"other another one two three first second third next last good great well time life "
        U"people everything something everyone outside below");
    return kWords.count(word) != 0;
}

}  // namespace samara::ifeval
