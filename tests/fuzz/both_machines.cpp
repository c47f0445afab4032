// One stream of bytes to a server, and to a gateway with such a server as its backend (GW-04). First line: choices; then
// data of the client, of which each line is one segment. A line that begins with '!' is a directive to both drivers instead.
// - Both send the same replies and end alike, and the gateway's backend understands what the server understands: the same
//   logins, files and transfers. Inputs with a command of `declared` are not compared.

#include <algorithm>
#include <string>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/proto/client_side/both_machines_test.hpp>
#include <sallyport/proto/telnet.hpp>

#include "fuzz.hpp"

namespace {

using namespace sallyport;
using sallyport::fuzz::choices;

// The necessary differences; those in both_machines_test.cpp with their reasons, and these:
constexpr std::string_view declared[] = {
    // No gateway forwards them; to a server they are unknown.
    "adat",
    "conf",
    "cpsv",
    "enc",
    "lprt",
    "lpsv",
    "mic",
    "spsv",
    "sscn",
    // Their replies depend on the program, or its settings.
    "feat",
    "help",
    "host",
    "lang",
    "mode",
    "opts",
    "rein",
    // The replies name the program that answers.
    "stat",
};

/// Whether a line has a user name that is accepted after a login, when lines may be longer, but refused by a backend that is
/// selected for that user.
bool has_long_user_name(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto line = sallyport::fuzz::next_line(bytes);
        if (line.size() >= limits::max_command_line_before_login && to_lower(line).contains("user")) return true;
    }
    return false;
}

bool is_comparable(std::string_view bytes) {
    if (has_long_user_name(bytes)) return false;
    std::string plain;
    std::string answers;
    (void)proto::telnet_filter().filter(bytes, plain, answers);
    for (const auto& text : {to_lower(bytes), to_lower(plain)})
        if (std::ranges::any_of(declared, [&text](std::string_view word) { return text.find(word) != std::string::npos; }))
            return false;
    return true;
}

struct observed {
    std::string replies;
    std::string understood;
};

template <class Side>
observed observe(Side side, std::string_view bytes) {
    // Without a backend the greeting is the gateway's own.
    (void)side.take();
    std::string replies;
    while (!bytes.empty() && !side.closed()) {
        const auto end = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
        const auto segment = bytes.substr(0, end);
        bytes.remove_prefix(end);
        if (segment.starts_with('!'))
            side.directive(segment.substr(1, segment.find_first_of("\r\n") - 1));
        else
            side.client(segment);
        replies += side.take();
    }
    return {replies + (side.closed() ? "closed" : "open"), side.understood()};
}

void check_same(const std::string& server, const std::string& gateway, const char* what) {
    if (server != gateway)
        std::fprintf(stderr, "--- the server\n%s\n--- the gateway\n%s\n---\n", server.c_str(), gateway.c_str());
    sallyport::fuzz::check(server == gateway, what);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto bytes = sallyport::fuzz::text_of(data, size);
    const choices c(sallyport::fuzz::next_line(bytes));
    if (!is_comparable(bytes)) return 0;
    const proto::circumstances about{.tls = c.setting(0),
                                     .tls_required = c.setting(0) && c.setting(1),
                                     .implicit_tls = c.setting(0) && c.setting(2),
                                     .ccc = c.setting(0) && c.setting(3),
                                     .ipv6 = c.setting(4)};
    const auto server = observe(proto::server_side(about, about.service(), about.client(), false), bytes);
    const auto gateway = observe(proto::gateway_side(about, c.setting(5)), bytes);
    check_same(server.replies, gateway.replies, "the replies are the same");
    check_same(server.understood, gateway.understood, "the backend understands what a server understands");
    return 0;
}
