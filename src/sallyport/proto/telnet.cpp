#include <sallyport/base/limits.hpp>
#include <sallyport/proto/telnet.hpp>

#include <algorithm>

namespace sallyport::proto {
namespace {

// RFC 854
constexpr char iac = '\xff';
constexpr char dont = '\xfe';
constexpr char wont = '\xfc';
constexpr char will = '\xfb';
constexpr char first_command = '\xf0';

[[nodiscard]] constexpr bool is_command(char c) noexcept {
    return static_cast<unsigned char>(c) >= static_cast<unsigned char>(first_command);
}
[[nodiscard]] constexpr bool is_negotiation(unsigned char c) noexcept { return c >= static_cast<unsigned char>(will); }

}  // namespace

bool telnet_filter::filter(std::string_view bytes, std::string& out, std::string& answers) {
    while (!bytes.empty()) {
        if (state_ == state::text) {
            const auto at = bytes.find(iac);
            const auto text = bytes.substr(0, at);
            out.append(text);
            if (!text.empty()) line_begins_ = text.back() == '\n';
            if (at == std::string_view::npos) return true;
            bytes.remove_prefix(at + 1);
            state_ = state::command;
            continue;
        }
        const char c = bytes.front();
        bytes.remove_prefix(1);
        if (state_ == state::option) {
            state_ = state::text;
            if (answered_++ >= limits::max_telnet_replies) return false;
            const bool peers_side = verb_ == will || verb_ == wont;
            answers.append({iac, peers_side ? dont : wont, c});
            continue;
        }
        state_ = c != iac && is_negotiation(static_cast<unsigned char>(c)) ? state::option : state::text;
        verb_ = c;
        if (is_command(c) && c != iac) continue;
        // Not a Telnet command, so the 0xFF before it was data, or an interrupt whose DM was lost ("IAC ABOR").
        if (c != iac && !line_begins_) out += iac;
        out += c;
        line_begins_ = c == '\n';
    }
    return true;
}

std::string telnet_escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (auto at = text.find(iac); at != std::string_view::npos; at = text.find(iac)) {
        out.append(text.substr(0, at + 1)) += iac;
        text.remove_prefix(at + 1);
    }
    return out.append(text);
}

std::string telnet_unescape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        out += text[i];
        if (text[i] == iac && i + 1 < text.size() && text[i + 1] == iac) ++i;
    }
    return out;
}

std::string telnet_escape_command(std::string_view line) {
    const auto verb = std::min(line.find(' '), line.size());
    std::string out;
    out.reserve(line.size());
    for (std::size_t i = 0; i < line.size(); ++i) {
        out += line[i];
        const bool ambiguous = i < verb || (i + 1 < line.size() && is_command(line[i + 1]));
        if (line[i] == iac && ambiguous) out += iac;
    }
    return out;
}

}  // namespace sallyport::proto
