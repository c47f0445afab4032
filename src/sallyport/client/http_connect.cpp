#include <sallyport/client/http_connect.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include <sallyport/base/ascii.hpp>

namespace sallyport::client {

namespace {

constexpr std::size_t max_head = 16384;
constexpr std::string_view protocol = "HTTP/1.";

std::string base64(std::string_view text) {
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += 3) {
        std::uint32_t bits = 0;
        for (std::size_t j = i; j < i + 3; ++j)
            bits = bits << 8U | (j < text.size() ? static_cast<unsigned char>(text[j]) : 0U);
        for (std::size_t j = 0; j < 4; ++j) out += i + j > text.size() ? '=' : letters[bits >> (18U - 6U * j) & 63U];
    }
    return out;
}

/// How many bytes the head lacks at least. A line may end without CR.
std::size_t missing(std::string_view head) { return head.ends_with('\n') || head.ends_with("\n\r") ? 1 : 2; }

bool is_complete(std::string_view head) { return head.ends_with("\n\n") || head.ends_with("\n\r\n"); }

}  // namespace

http_connect_dialogue::http_connect_dialogue(const proxy_server& proxy, const proxy_destination& to)
    : to_(to.text()), has_login_(!proxy.user.empty()) {
    request_ = fmt::format("CONNECT {} HTTP/1.1\r\nHost: {}\r\n", to_, to_);
    if (has_login_) request_ += fmt::format("Proxy-Authorization: Basic {}\r\n", base64(proxy.user + ":" + proxy.password));
    request_ += "\r\n";
}

result<proxy_step> http_connect_dialogue::advance(std::string_view received) {
    if (is_done_) return proxy_step{};
    head_ += received;
    if (!head_.starts_with(protocol.substr(0, head_.size())))
        return fail(errc::syntax, "its answer is not one of HTTP; it may not be an HTTP proxy: check its port");
    if (is_complete(head_)) {
        is_done_ = true;
        return on_end();
    }
    if (head_.size() >= max_head) return fail(errc::too_long, fmt::format("its answer has more than {} bytes", max_head));
    return proxy_step{std::exchange(request_, {}), missing(head_)};
}

result<proxy_step> http_connect_dialogue::on_end() const {
    const auto line = std::string_view(head_).substr(0, head_.find_first_of("\r\n"));
    const auto blank = std::min(line.find(' '), line.size() - 1);
    const auto status = line.substr(blank + 1);
    const auto code = parse_decimal(status.substr(0, status.find(' ')), 999);
    if (!code) return fail(errc::syntax, "its answer has no status; it may not be an HTTP proxy: check its port");
    if (*code / 100 == 2) return proxy_step{};
    const auto cannot = fmt::format("it cannot connect to {}: {}", to_, status);
    switch (*code) {
        case 407:
            return fail(errc::login_refused, has_login_ ? "it refuses the login: check user and password in its URL"
                                                        : "it requires a login: add user and password to its URL");
        case 403: return fail(errc::not_allowed, cannot + "; its rules may allow CONNECT to other ports only");
        case 502:
        case 503: return fail(errc::unreachable, cannot);
        case 504: return fail(errc::timeout, cannot);
        default: return fail(errc::rejected, cannot);
    }
}

}  // namespace sallyport::client
