// The answers of SOCKS5 and HTTP proxies. First line: choices; the rest: what arrives, the server's first bytes at the end.
// - In whatever pieces the answer arrives, what is sent and how it ends are the same, and so is what is left to the server.
// - No more is read than was asked for, and there is always something to read until the end.
// - After success, the server's bytes follow the shortest answer at once: an earlier byte was necessary.

#include <algorithm>
#include <optional>

#include <sallyport/client/http_connect.hpp>
#include <sallyport/client/socks5.hpp>

#include "fuzz.hpp"

namespace {

using namespace sallyport;
using client::proxy_step;

struct outcome {
    std::string sent;
    std::size_t taken = 0;
    // Nothing: the answer ended too early.
    std::optional<result<void>> end;
};

template <class Dialogue>
outcome run(Dialogue with, std::string_view answer, std::size_t piece) {
    outcome out;
    auto step = with.advance({});
    for (;;) {
        if (!step) {
            out.end = std::unexpected(step.error());
            return out;
        }
        out.sent += step->send;
        if (step->read == 0) {
            out.end = result<void>();
            return out;
        }
        const auto next = answer.substr(out.taken, std::min(piece, step->read));
        if (next.empty()) return out;
        out.taken += next.size();
        step = with.advance(next);
    }
}

template <class Dialogue>
void check_pieces(const Dialogue& with, std::string_view answer) {
    const auto bytewise = run(with, answer, 1);
    for (const std::size_t piece : {std::size_t{2}, std::size_t{5}, answer.size() + 1}) {
        const auto whole = run(with, answer, piece);
        fuzz::check(whole.end.has_value() == bytewise.end.has_value(), "pieces do not change whether it ends");
        if (!whole.end) continue;
        fuzz::check(whole.end->has_value() == bytewise.end->has_value(), "pieces do not change how it ends");
        if (!whole.end->has_value()) continue;
        fuzz::check(whole.taken == bytewise.taken, "pieces do not change what is left to the server");
        fuzz::check(whole.sent == bytewise.sent, "pieces do not change what is sent");
    }
    if (!bytewise.end || !bytewise.end->has_value()) return;
    const auto cut = run(with, answer.substr(0, bytewise.taken - 1), 1);
    fuzz::check(!cut.end, "an answer without its last byte is not complete");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = sallyport::fuzz::text_of(data, size);
    const sallyport::fuzz::choices chosen(sallyport::fuzz::next_line(text));
    client::proxy_server proxy{
        chosen.setting(0) ? client::proxy_kind::http : client::proxy_kind::socks5, "proxy", 1080, {}, {}};
    if (chosen.setting(1)) {
        proxy.user = "user";
        proxy.password = "password";
    }
    const client::proxy_destination to{chosen.setting(2) ? "192.0.2.1" : "ftp.example.org", 21};
    if (proxy.kind == client::proxy_kind::http)
        check_pieces(client::http_connect_dialogue(proxy, to), text);
    else
        check_pieces(client::socks5_dialogue(proxy, to), text);
    return 0;
}
