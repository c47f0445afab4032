#include <sallyport/proto/client_side/site_doctor.hpp>

#include <algorithm>

#include <sallyport/base/ascii.hpp>

namespace sallyport::proto {
namespace {

constexpr std::size_t max_line = 256;
constexpr std::size_t max_others = 4;
constexpr std::string_view first_line = "Doctor, in letters: a to p are the digits 0 to f of each byte.";

[[nodiscard]] std::string to_letters(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, max_line)) {
        const auto byte = static_cast<unsigned char>(c);
        out += static_cast<char>('a' + (byte >> 4U));
        out += static_cast<char>('a' + (byte & 15U));
    }
    return out;
}

[[nodiscard]] std::optional<std::string> from_letters(std::string_view letters) {
    const auto is_digit = [](char c) { return c >= 'a' && c <= 'p'; };
    if (letters.size() % 2 != 0 || letters.size() > 2 * max_line || !std::ranges::all_of(letters, is_digit))
        return std::nullopt;
    std::string out;
    for (std::size_t i = 0; i < letters.size(); i += 2)
        out += static_cast<char>((letters[i] - 'a') * 16 + (letters[i + 1] - 'a'));
    return out;
}

void add_lines(const site_doctor_session& known, std::string_view first_key, std::vector<std::string>& to) {
    const auto add = [&to](std::string_view key, std::string_view text) {
        to.push_back(' ' + std::string(key) + ' ' + to_letters(text));
    };
    add(first_key, known.peer.text());
    if (!known.negotiated.empty()) add("negotiated", known.negotiated);
    if (known.data.source) add("source", known.data.source->text());
    for (std::size_t i = 0; i < std::min(known.data.others.size(), max_others); ++i)
        add("other", known.data.others[i].text());
}

[[nodiscard]] bool read_line(std::string_view key, const std::string& text, site_doctor_session& into) {
    if (key == "negotiated") {
        into.negotiated = text;
    } else if (key == "peer" || key == "session" || key == "source") {
        const auto read = endpoint::parse(text);
        if (!read) return false;
        if (key == "source")
            into.data.source = *read;
        else
            into.peer = *read;
    } else if (key == "other" && into.data.others.size() < max_others) {
        const auto read = ip_address::parse(text);
        if (!read) return false;
        into.data.others.push_back(*read);
    }
    return true;
}

}  // namespace

bool is_site_doctor(std::string_view argument) noexcept { return iequals(without_trailing_blanks(argument), "DOCTOR"); }

reply site_doctor_reply(const site_doctor_facts& known) {
    reply out{211, {std::string(first_line)}};
    add_lines(known.own, "peer", out.lines);
    for (std::size_t i = 0; i < std::min(known.others.size(), max_other_sessions); ++i)
        add_lines(known.others[i], "session", out.lines);
    out.lines.emplace_back("End.");
    return out;
}

result<site_doctor_facts> parse_site_doctor(const reply& from) {
    if (from.code != 211 || !from.text().starts_with("Doctor")) return fail(errc::unsupported, "no reply to SITE DOCTOR");
    site_doctor_facts out;
    for (const std::string& each : from.lines) {
        std::string_view line = each;
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        const auto blank = line.find(' ');
        if (blank == line.npos) continue;
        const auto text = from_letters(without_trailing_blanks(line.substr(blank + 1)));
        const auto key = line.substr(0, blank);
        if (text && key == "session") {
            if (out.others.size() == max_other_sessions) break;
            out.others.emplace_back();
        }
        if (text && !read_line(key, *text, out.others.empty() ? out.own : out.others.back()))
            return fail(errc::syntax, "the reply to SITE DOCTOR names no address where one belongs");
    }
    if (out.own.peer.port == 0) return fail(errc::syntax, "the reply to SITE DOCTOR does not name the peer");
    return out;
}

}  // namespace sallyport::proto
