// Dates of `ls -l` in the languages and styles of common systems.

#include <string>

#include <gtest/gtest.h>

#include <sallyport/proto/entry_text.hpp>
#include <sallyport/proto/list_forms.hpp>

namespace sallyport::proto {
namespace {

using namespace std::string_literals;

std::string dated(const std::string& date) { return list("-rw-r--r-- 1 root other 531 " + date + " a name"); }
std::string expected(const std::string& time) { return "- 531 " + time + " [a name]"; }

/// The twelve months of a language, as printed by `ls`.
void expect_months(const std::string& language, std::initializer_list<const char*> names) {
    unsigned month = 0;
    for (const auto* name : names) EXPECT_EQ(list_form::month_of(name), ++month) << language << ": " << name;
    EXPECT_EQ(month, 12U) << language;
}

TEST(ListDates, MonthsOfManyLanguages) {
    expect_months("English", {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"});
    expect_months("German", {"Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"});
    expect_months("Austrian",
                  {"Jän", "Feb", "März", "April", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."});
    expect_months("French",
                  {"janv.", "févr.", "mars", "avril", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."});
    expect_months("Spanish", {"ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"});
    expect_months("Italian", {"gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"});
    expect_months("Portuguese", {"Jan", "Fev", "Mar", "Abr", "Mai", "Jun", "Jul", "Ago", "Set", "Out", "Nov", "Dez"});
    expect_months("Dutch", {"jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"});
    expect_months("Swedish", {"jan", "feb", "mar", "apr", "maj", "jun", "jul", "aug", "sep", "okt", "nov", "dec"});
    expect_months("Norwegian",
                  {"jan.", "feb.", "mars", "april", "mai", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "des."});
    expect_months("Danish", {"jan", "feb", "mar", "apr", "maj", "jun", "jul", "aug", "sep", "okt", "nov", "dec"});
    expect_months("Polish", {"sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru"});
    expect_months("Czech", {"led", "úno", "bře", "dub", "kvě", "čen", "čec", "srp", "zář", "říj", "lis", "pro"});
    expect_months("Finnish",
                  {"tammi", "helmi", "maalis", "huhti", "touko", "kesä", "heinä", "elo", "syys", "loka", "marras", "joulu"});
    expect_months("Hungarian", {"jan", "febr", "márc", "ápr", "máj", "jún", "júl", "aug", "szept", "okt", "nov", "dec"});
    expect_months("Russian", {"янв", "фев", "мар", "апр", "май", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"});
    expect_months("Russian, capitals", {"Янв", "Фев", "МАР", "Апр", "мая", "Июн", "Июл", "Авг", "Сен", "Окт", "Ноя", "Дек"});
}

TEST(ListDates, MonthsInOneByteCharacterSets) {
    expect_months("German, ISO 8859-1",
                  {"J\xE4n", "Feb", "M\xE4r", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"});
    expect_months("French, ISO 8859-1",
                  {"janv", "f\xE9vr", "mars", "avr", "mai", "juin", "juil", "ao\xFBt", "sept", "oct", "nov",
                   "d\xE9"
                   "c"});
    expect_months("Czech, ISO 8859-2", {"led", "\xFAno",
                                        "b\xF8"
                                        "e",
                                        "dub", "kv\xEC",
                                        "\xE8"
                                        "en",
                                        "\xE8"
                                        "ec",
                                        "srp", "z\xE1\xF8", "\xF8\xEDj", "lis", "pro"});
    expect_months("Polish, ISO 8859-2",
                  {"sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "pa\xBC", "lis", "gru"});
    expect_months("Russian, Windows 1251",
                  {"\xFF\xED\xE2", "\xF4\xE5\xE2", "\xEC\xE0\xF0", "\xE0\xEF\xF0", "\xEC\xE0\xE9", "\xE8\xFE\xED",
                   "\xE8\xFE\xEB", "\xE0\xE2\xE3", "\xF1\xE5\xED", "\xEE\xEA\xF2", "\xED\xEE\xFF", "\xE4\xE5\xEA"});
    expect_months("Russian, KOI8-R",
                  {"\xD1\xCE\xD7", "\xC6\xC5\xD7", "\xCD\xC1\xD2", "\xC1\xD0\xD2", "\xCD\xC1\xCA", "\xC9\xC0\xCE",
                   "\xC9\xC0\xCC", "\xC1\xD7\xC7", "\xD3\xC5\xCE", "\xCF\xCB\xD4", "\xCE\xCF\xD1", "\xC4\xC5\xCB"});
}

TEST(ListDates, NoMonths) {
    for (const auto& word : {""s, "."s, ","s, "x"s, "janu"s, "1"s, "?"s, "\xFF"s, "\xD1"s, "mar\0"s, std::string(1000, 'j')})
        EXPECT_FALSE(list_form::month_of(word)) << word;
}

TEST(ListDates, LocalOrdersAndPunctuation) {
    EXPECT_EQ(dated("26. Juli, 20:10"), expected("20250726201000"));
    EXPECT_EQ(dated("2.   Okt.  2003"), expected("20031002000000"));
    EXPECT_EQ(dated("2 févr. 15:04"), expected("20260202150400"));
    EXPECT_EQ(dated("Apr 04, 2000 21:06"), expected("20000404210600"));
    EXPECT_EQ(dated("24-04-2003 17:12"), expected("20030424171200"));
    EXPECT_EQ(dated("04-24-2003 17:12"), expected("20030424171200"));
    EXPECT_EQ(dated("04-04-2003 17:12"), expected("20030404171200"));
    EXPECT_EQ(dated("04-05-2003 17:12"), expected("?")) << "April or May: the format is ambiguous";
    EXPECT_EQ(dated("01-jun-99"), expected("19990601000000"));
    EXPECT_EQ(dated("09-26 2000"), expected("20000926000000"));
    EXPECT_EQ(dated("09-26 13:45"), expected("20250926134500"));
}

TEST(ListDates, IsoAndFullStyles) {
    EXPECT_EQ(dated("2025-12-31 23:59"), expected("20251231235900"));
    EXPECT_EQ(dated("1999/10/12 17:12"), expected("19991012171200"));
    EXPECT_EQ(dated("2025-12-31"), expected("20251231000000"));
    EXPECT_EQ(dated("2025-12-31 23:59:01.123456789 +0200"), expected("20251231215900"));
    EXPECT_EQ(dated("2025-12-31 23:59:01.123456789 -0130"), "- 531 20260101012900 [a name]");
    EXPECT_EQ(dated("Dec 31 23:59:01 2003"), expected("20031231235900"));
    EXPECT_EQ(list("-rw-r--r-- 1 u g 5 Dec 31 23:59 2003 x"), "- 5 20251231235900 [2003 x]") << "a name may be a number";
}

TEST(ListDates, NumbersMarkedAsInJapaneseChineseAndKorean) {
    EXPECT_EQ(dated("4月 18日 2003年"), expected("20030418000000"));
    EXPECT_EQ(dated("4月18日 09:34"), expected("20260418093400"));
    EXPECT_EQ(dated("4月 18 09:34"), expected("20260418093400"));
    EXPECT_EQ(dated("2003年4月18日"), expected("20030418000000"));
    EXPECT_EQ(dated("2003年 4月18日 09:34"), expected("20030418093400"));
    EXPECT_EQ(dated("4월 18 2003"), expected("20030418000000"));
    EXPECT_EQ(dated(" 4\x8c\x8e 18\x93\xfa 2003\x94\x4e"), expected("20030418000000")) << "Shift-JIS";
    EXPECT_EQ(dated("4\xb7\xee 18\xc6\xfc 2003\xc7\xaf"), expected("20030418000000")) << "EUC-JP";
    EXPECT_EQ(dated("4\xd4\xc2 18 2003"), expected("20030418000000")) << "GBK";
    EXPECT_EQ(dated("4\xa4\xeb 18 09:34"), expected("20260418093400")) << "Big5";
    EXPECT_EQ(dated("4\xbf\xf9 18 2003"), expected("20030418000000")) << "EUC-KR";
    EXPECT_EQ(dated("2003   4\xed\xef 18"), expected("20030418000000"));
    EXPECT_EQ(dated("4\xed 18 09:34"), expected("20260418093400"));
    for (const auto* bad : {"13月 18 09:34", "4月 31 09:34", "4月 name", "4月", "4 18 2003", "2003年", "4月18日"})
        EXPECT_EQ(dated(bad), "nothing") << bad;
}

}  // namespace
}  // namespace sallyport::proto
