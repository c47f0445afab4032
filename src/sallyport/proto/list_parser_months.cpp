// Names of months in the languages of common systems.

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/list_forms.hpp>

namespace sallyport::proto::list_form {

namespace {

struct month_name {
    // In the folded form; see below.
    std::string_view name;
    unsigned month;
};

/// German, French, Spanish, Italian, Portuguese, Dutch, the Scandinavian languages, Polish, Czech, Finnish, Hungarian and
/// Russian (and the Slovenian August), as printed by `ls` and FTP servers: in most cases abbreviated, sometimes in full.
constexpr month_name months[] = {
    // English, and names with the same spelling
    {"jan", 1},
    {"feb", 2},
    {"mar", 3},
    {"apr", 4},
    {"may", 5},
    {"jun", 6},
    {"jul", 7},
    {"aug", 8},
    {"sep", 9},
    {"oct", 10},
    {"nov", 11},
    {"dec", 12},
    {"january", 1},
    {"february", 2},
    {"march", 3},
    {"april", 4},
    {"june", 6},
    {"july", 7},
    {"august", 8},
    {"sept", 9},
    {"september", 9},
    {"october", 10},
    {"november", 11},
    {"december", 12},
    // German
    {"januar", 1},
    {"janner", 1},
    {"februar", 2},
    {"marz", 3},
    {"mrz", 3},
    {"mai", 5},
    {"juni", 6},
    {"juli", 7},
    {"okt", 10},
    {"oktober", 10},
    {"dez", 12},
    {"dezember", 12},
    // French
    {"janv", 1},
    {"janvier", 1},
    {"fev", 2},
    {"fevr", 2},
    {"fevrier", 2},
    {"mars", 3},
    {"mrs", 3},
    {"avr", 4},
    {"avril", 4},
    {"juin", 6},
    {"juil", 7},
    {"jui", 7},
    {"juillet", 7},
    {"aou", 8},
    {"aout", 8},
    {"septembre", 9},
    {"octobre", 10},
    {"novembre", 11},
    {"decembre", 12},
    // Spanish
    {"ene", 1},
    {"enero", 1},
    {"fbro", 2},
    {"febrero", 2},
    {"mzo", 3},
    {"marzo", 3},
    {"abr", 4},
    {"abril", 4},
    {"mayo", 5},
    {"junio", 6},
    {"julio", 7},
    {"ago", 8},
    {"agto", 8},
    {"agosto", 8},
    {"sbre", 9},
    {"septiembre", 9},
    {"octubre", 10},
    {"obre", 10},
    {"nbre", 11},
    {"noviembre", 11},
    {"dic", 12},
    {"dbre", 12},
    {"diciembre", 12},
    // Italian
    {"gen", 1},
    {"gennaio", 1},
    {"febbraio", 2},
    {"aprile", 4},
    {"mag", 5},
    {"maggio", 5},
    {"giu", 6},
    {"giugno", 6},
    {"lug", 7},
    {"luglio", 7},
    {"set", 9},
    {"settembre", 9},
    {"ott", 10},
    {"ottobre", 10},
    {"dicembre", 12},
    // Portuguese
    {"janeiro", 1},
    {"fevereiro", 2},
    {"marco", 3},
    {"maio", 5},
    {"junho", 6},
    {"julho", 7},
    {"setembro", 9},
    {"out", 10},
    {"outubro", 10},
    {"novembro", 11},
    {"dezembro", 12},
    // Dutch
    {"januari", 1},
    {"februari", 2},
    {"mrt", 3},
    {"maart", 3},
    {"mei", 5},
    {"augustus", 8},
    // Swedish, Norwegian, Danish
    {"maj", 5},
    {"augusti", 8},
    {"des", 12},
    {"desember", 12},
    {"marts", 3},
    // Polish
    {"sty", 1},
    {"lut", 2},
    {"kwi", 4},
    {"cze", 6},
    {"lip", 7},
    {"sie", 8},
    {"wrz", 9},
    {"paz", 10},
    {"lis", 11},
    {"gru", 12},
    // Czech
    {"led", 1},
    {"uno", 2},
    {"bre", 3},
    {"dub", 4},
    {"kve", 5},
    {"cen", 6},
    {"cec", 7},
    {"cvc", 7},
    {"srp", 8},
    {"zar", 9},
    {"rij", 10},
    {"pro", 12},
    // Finnish
    {"tammi", 1},
    {"helmi", 2},
    {"maalis", 3},
    {"huhti", 4},
    {"touko", 5},
    {"kesa", 6},
    {"heina", 7},
    {"elo", 8},
    {"syys", 9},
    {"loka", 10},
    {"marras", 11},
    {"joulu", 12},
    {"tammikuu", 1},
    {"helmikuu", 2},
    {"maaliskuu", 3},
    {"huhtikuu", 4},
    {"toukokuu", 5},
    {"kesakuu", 6},
    {"heinakuu", 7},
    {"elokuu", 8},
    {"syyskuu", 9},
    {"lokakuu", 10},
    {"marraskuu", 11},
    {"joulukuu", 12},
    // Hungarian
    {"febr", 2},
    {"marc", 3},
    {"szept", 9},
    {"szep", 9},
    // Russian, transliterated letter by letter with the digits and '~' below; 'fev', 'mar', 'apr' and 'nov' are above
    {"~nv", 1},
    {"ma1", 5},
    {"ma~", 5},
    {"i9n", 6},
    {"i9l", 7},
    {"avg", 8},
    {"sen", 9},
    {"no~", 11},
    {"dek", 12},
};

/// The letters U+0430 to U+044F, from a to ya, each as one character.
constexpr std::string_view cyrillic = "abvgdejzi1klmnoprstufhc23456789~";
/// The same letters in the order of KOI8-R, from byte 0xC0 on.
constexpr std::string_view koi8 = "9abcdefghi1klmnop~rstujv76z38425";
static_assert(cyrillic.size() == 32 && koi8.size() == 32);

/// Latin letters without their diacritics; in ISO 8859-1, and in 8859-2 if a Czech or Polish month has the byte.
char plain_latin1(unsigned char c) noexcept {
    if (c >= 0xC0 && c <= 0xDE) c = static_cast<unsigned char>(c + 0x20);
    constexpr std::string_view from_e0 = "aaaaaaaceeeeiiiidnooooo?ouuuuyty";
    return c >= 0xE0 ? from_e0[c - 0xE0U] : '?';
}
char plain_latin2(unsigned char c) noexcept {
    if (c == 0x9F || c == 0xBC || c == 0xBF || c == 0xAC || c == 0xAF) return 'z';
    if (c >= 0xC0 && c <= 0xDE) c = static_cast<unsigned char>(c + 0x20);
    constexpr std::string_view from_e0 = "raaaalccceeeeiiddnnoooo?ruuuuyt?";
    return c >= 0xE0 ? from_e0[c - 0xE0U] : '?';
}
char plain_cp1251(unsigned char c) noexcept { return c >= 0xC0 ? cyrillic[(c - 0xC0U) % 32] : '?'; }
char plain_koi8(unsigned char c) noexcept { return c >= 0xC0 ? koi8[(c - 0xC0U) % 32] : '?'; }

/// A code point that has two bytes in UTF-8.
char plain_unicode(unsigned point) noexcept {
    if (point >= 0x410 && point < 0x450) return cyrillic[(point - 0x410) % 32];
    if (point >= 0xC0 && point <= 0xFF) return plain_latin1(static_cast<unsigned char>(point));
    // Upper and lower case are adjacent code points.
    switch (point | 1U) {
        case 0x10D: return 'c';
        case 0x11B: return 'e';
        case 0x159: return 'r';
        case 0x15B:
        case 0x161: return 's';
        case 0x16F: return 'u';
        default: break;
    }
    return point >= 0x179 && point <= 0x17E ? 'z' : '?';
}

constexpr std::size_t max_month_size = 24;

struct folded {
    char text[max_month_size];
    std::size_t size = 0;

    void add(char c) noexcept {
        if (size < max_month_size) text[size++] = c;
    }
    [[nodiscard]] std::string_view view() const noexcept { return {text, size}; }
};

std::optional<unsigned> find_month(const folded& word) noexcept {
    const auto* const found = std::ranges::find(months, word.view(), &month_name::name);
    return found == std::end(months) ? std::nullopt : std::optional(found->month);
}

folded fold_utf8(std::string_view word) noexcept {
    folded out;
    for (std::size_t i = 0; i < word.size(); ++i) {
        const auto c = static_cast<unsigned char>(word[i]);
        if (c < 0x80) {
            out.add(to_lower(word[i]));
        } else if (c < 0xE0 && i + 1 < word.size()) {
            out.add(plain_unicode((c & 0x1FU) << 6U | (static_cast<unsigned char>(word[++i]) & 0x3FU)));
        } else {
            out.add('?');
        }
    }
    return out;
}

folded fold_bytes(std::string_view word, char (*plain)(unsigned char) noexcept) noexcept {
    folded out;
    for (const char c : word)
        out.add(static_cast<unsigned char>(c) < 0x80 ? to_lower(c) : plain(static_cast<unsigned char>(c)));
    return out;
}

}  // namespace

std::optional<unsigned> month_of(std::string_view word) {
    if (word.ends_with(',')) word.remove_suffix(1);
    if (word.ends_with('.')) word.remove_suffix(1);
    if (word.empty() || word.size() > max_month_size) return std::nullopt;
    if (is_utf8(word)) return find_month(fold_utf8(word));
    for (auto* const plain : {plain_latin1, plain_latin2, plain_cp1251, plain_koi8})
        if (const auto month = find_month(fold_bytes(word, plain))) return month;
    return std::nullopt;
}

}  // namespace sallyport::proto::list_form
