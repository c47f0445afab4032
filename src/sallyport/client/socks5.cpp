#include <sallyport/client/socks5.hpp>

#include <fmt/format.h>

#include <utility>

#include <sallyport/base/address.hpp>

namespace sallyport::client {

namespace {

constexpr char version = 5;
constexpr char login_version = 1;
constexpr char no_login = 0;
constexpr char login_by_password = 2;
constexpr char no_method = '\xff';
constexpr char connect_command = 1;
constexpr char ipv4_address = 1;
constexpr char host_name = 3;
constexpr char ipv6_address = 4;
constexpr std::size_t short_answer = 2;
/// Version, result, reserved byte and kind of address.
constexpr std::size_t reply_head = 4;
constexpr std::size_t port_size = 2;
constexpr std::size_t max_name = 255;

std::string with_length(std::string_view text) { return static_cast<char>(text.size()) + std::string(text); }

std::unexpected<error> no_socks(std::string_view what) {
    return fail(errc::syntax, fmt::format("{}; it may not be a SOCKS5 proxy: check its port", what));
}

/// The results of RFC 1928, section 6.
std::unexpected<error> refused_connect(unsigned char code, const std::string& to) {
    const auto cannot = "it cannot connect to " + to;
    switch (code) {
        case 1: return fail(errc::unreachable, cannot + ": general failure");
        case 2: return fail(errc::not_allowed, "its rules refuse connections to " + to + "; ask its administrator");
        case 3: return fail(errc::unreachable, cannot + ": network unreachable");
        case 4: return fail(errc::unreachable, cannot + ": host unreachable");
        case 5: return fail(errc::refused, cannot + ": connection refused");
        case 6: return fail(errc::timeout, cannot + ": no response");
        case 7: return fail(errc::unsupported, cannot + ": it does not have this command");
        case 8: return fail(errc::unsupported, cannot + ": it does not have this kind of address");
        default: return fail(errc::rejected, fmt::format("{}: result {}", cannot, code));
    }
}

}  // namespace

socks5_dialogue::socks5_dialogue(const proxy_server& proxy, proxy_destination to)
    : user_(proxy.user), password_(proxy.password), to_(std::move(to)) {}

result<proxy_step> socks5_dialogue::advance(std::string_view received) {
    answer_ += received;
    switch (state_) {
        case state::start:
            if (to_.host.size() > max_name) return fail(errc::usage, "the host name is too long for a SOCKS5 proxy");
            state_ = state::method;
            return proxy_step{
                user_.empty() ? std::string{version, 1, no_login} : std::string{version, 2, no_login, login_by_password},
                short_answer};
        case state::method: return on_method();
        case state::login: return on_login();
        case state::reply: return on_reply();
        case state::done: break;
    }
    return proxy_step{};
}

result<proxy_step> socks5_dialogue::on_method() {
    if (!answer_.empty() && answer_[0] != version) return no_socks("its answer is not one of SOCKS5");
    if (answer_.size() < short_answer) return proxy_step{{}, short_answer - answer_.size()};
    const char method = std::exchange(answer_, {})[1];
    if (method == no_login) return request();
    if (method == no_method && user_.empty())
        return fail(errc::login_refused, "it requires a login: add user and password to its URL");
    if (method != login_by_password || user_.empty())
        return fail(errc::login_refused, "it requires a login of another kind than user and password; use another proxy");
    state_ = state::login;
    return proxy_step{login_version + with_length(user_) + with_length(password_), short_answer};
}

result<proxy_step> socks5_dialogue::on_login() {
    if (answer_.size() < short_answer) return proxy_step{{}, short_answer - answer_.size()};
    // Some proxies send another version.
    const char status = std::exchange(answer_, {})[1];
    if (status != 0) return fail(errc::login_refused, "it refuses the login: check user and password in its URL");
    return request();
}

result<proxy_step> socks5_dialogue::request() {
    state_ = state::reply;
    std::string out{version, connect_command, 0};
    const auto literal = ip_address::parse(to_.host);
    if (!literal) {
        out += host_name + with_length(to_.host);
    } else {
        const auto& bytes = literal->bytes();
        out += literal->is_v4() ? ipv4_address : ipv6_address;
        out.append(bytes.begin(), bytes.begin() + (literal->is_v4() ? 4 : 16));
    }
    out += static_cast<char>(to_.port >> 8U);
    out += static_cast<char>(to_.port & 0xffU);
    // The first byte of the address is its length if it is a name.
    return proxy_step{std::move(out), reply_head + 1};
}

result<proxy_step> socks5_dialogue::on_reply() {
    if (!answer_.empty() && answer_[0] != version) return no_socks("its reply is not one of SOCKS5");
    // A reply that refuses may end early.
    if (answer_.size() > 1 && answer_[1] != 0) return refused_connect(static_cast<unsigned char>(answer_[1]), to_.text());
    if (answer_.size() <= reply_head) return proxy_step{{}, reply_head + 1 - answer_.size()};
    std::size_t whole = reply_head + port_size;
    switch (answer_[3]) {
        case ipv4_address: whole += 4; break;
        case ipv6_address: whole += 16; break;
        case host_name: whole += 1U + static_cast<unsigned char>(answer_[reply_head]); break;
        default: return no_socks("its reply has an unknown kind of address");
    }
    if (answer_.size() < whole) return proxy_step{{}, whole - answer_.size()};
    state_ = state::done;
    return proxy_step{};
}

}  // namespace sallyport::client
