#include <sallyport/base/limits.hpp>
#include <sallyport/proto/telnet.hpp>

namespace sallyport::proto {
namespace {

// RFC 854
constexpr char iac = '\xff';
constexpr char dont = '\xfe';
constexpr char wont = '\xfc';
constexpr char will = '\xfb';
constexpr char first_command = '\xf0';

[[nodiscard]] constexpr bool is_negotiation(unsigned char c) noexcept { return c >= static_cast<unsigned char>(will); }

}  // namespace

bool telnet_filter::filter(std::string_view bytes, std::string& out, std::string& answers) {
    while (!bytes.empty()) {
        if (state_ == state::text) {
            const auto at = bytes.find(iac);
            out.append(bytes.substr(0, at));
            if (at == std::string_view::npos) return true;
            bytes.remove_prefix(at + 1);
            state_ = state::command;
            continue;
        }
        const char c = bytes.front();
        bytes.remove_prefix(1);
        if (state_ == state::option) {
            state_ = state::text;
            if (answered_++ >= limits::telnet_answers) return false;
            const bool peers_side = verb_ == will || verb_ == wont;
            answers.append({iac, peers_side ? dont : wont, c});
            continue;
        }
        const auto code = static_cast<unsigned char>(c);
        state_ = c != iac && is_negotiation(code) ? state::option : state::text;
        verb_ = c;
        // A byte that is no command: the urgent DM between IAC and it was lost on the way ("IAC ABOR"), or IAC IAC.
        if (c == iac || code < static_cast<unsigned char>(first_command)) out += c;
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

}  // namespace sallyport::proto
