#include <sallyport/ops/page_access.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <sodium.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/at_exit.hpp>
#include <sallyport/base/log.hpp>

namespace sallyport::ops {
namespace {

// More than any password that people or password managers use.
constexpr std::size_t max_authorization = 2048;

/// "localhost", "127.0.0.1" or "[::1]"; empty if what follows is no port.
[[nodiscard]] std::string_view without_port(std::string_view host) {
    // Without a closing bracket the name is empty.
    const auto name = host.substr(0, host.starts_with('[') ? host.find(']') + 1 : host.find(':'));
    const auto port = host.substr(name.size());
    if (port.empty()) return name;
    return port.starts_with(':') && std::ranges::all_of(port.substr(1), is_digit) ? name : std::string_view();
}

[[nodiscard]] bool is_this_host(std::string_view host, const std::optional<http_ends>& ends) {
    auto name = without_port(host);
    if (iequals(name, "localhost")) return true;
    if (name.starts_with('[')) name = name.substr(1, name.size() - 2);
    const auto address = ip_address::parse(name);
    return address && (address->is_loopback() || (ends && is_same_host(*address, ends->local)));
}

[[nodiscard]] http_answer ask_for_password(std::string body) {
    return {.status = "401 Unauthorized",
            .body = std::move(body),
            .headers = "WWW-Authenticate: Basic realm=\"Sallyport\", charset=\"UTF-8\"\r\n"};
}

}  // namespace

std::optional<http_answer> refuse_origin(const http_request& asked) {
    if (asked.hosts != 1)
        return http_answer{.status = "400 Bad Request", .body = "A request for the page has one field \"Host\".\n"};
    if (!is_this_host(asked.host, asked.ends))
        return http_answer{.status = "421 Misdirected Request",
                           .body =
                               "The page is not available under this name. Use its address, or localhost; a reverse "
                               "proxy has to send one of them as \"Host\".\n"};
    const bool by_other_site = asked.fetch_site == "cross-site" || asked.fetch_site == "same-site";
    // A link from another page is permitted.
    if (by_other_site && asked.fetch_mode != "navigate")
        return http_answer{.status = "403 Forbidden", .body = "Another site may not load this.\n"};
    return std::nullopt;
}

std::optional<std::string> password_of(std::string_view authorization) {
    constexpr std::string_view scheme = "basic ";
    if (!starts_with_icase(authorization, scheme) || authorization.size() > max_authorization) return std::nullopt;
    authorization.remove_prefix(scheme.size());
    std::string text(authorization.size(), '\0');
    std::size_t size = 0;
    if (sodium_base642bin(reinterpret_cast<unsigned char*>(text.data()), text.size(), authorization.data(),
                          authorization.size(), nullptr, &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
        return std::nullopt;
    text.resize(size);
    // The name of the user does not matter.
    const auto colon = text.find(':');
    if (colon == std::string::npos) return std::nullopt;
    return text.substr(colon + 1);
}

page_access::page_access(net::loop& loop, net::worker_pool& pool, frontend::frontend& sessions, password_check accepts)
    : loop_(loop), pool_(pool), sessions_(sessions), accepts_(std::move(accepts)) {
    if (sodium_init() < 0) throw std::runtime_error("libsodium found no source of random numbers; is /dev/urandom there?");
    randombytes_buf(key_.data(), key_.size());
}

page_access::password_hash page_access::hash_of(const std::string& password) const {
    password_hash out{};
    crypto_generichash(out.data(), out.size(), reinterpret_cast<const unsigned char*>(password.data()), password.size(),
                       key_.data(), key_.size());
    return out;
}

// The penalty is looked up here, where one password is checked after the other: many connections at once try no more of
// them.
page_access::verdict page_access::check(const std::string& password, const std::optional<ip_address>& from) {
    if (from && sessions_.is_penalized(*from)) return verdict::penalized;
    const auto hash = hash_of(password);
    const std::scoped_lock lock(mutex_);
    if (accepted_ && sodium_memcmp(accepted_->data(), hash.data(), hash.size()) == 0) return verdict::accepted;
    const auto right = accepts_(password);
    if (!right) return verdict::unknown;
    if (*right) {
        accepted_ = hash;
        return verdict::accepted;
    }
    if (from) sessions_.penalize(*from);
    return verdict::wrong;
}

net::task<std::optional<http_answer>> page_access::refuse(std::shared_ptr<page_access> self, http_request asked) {
    if (!self->accepts_) co_return std::nullopt;
    const auto from = asked.ends ? std::optional(asked.ends->peer) : std::nullopt;
    auto password = password_of(asked.authorization);
    sodium_memzero(asked.authorization.data(), asked.authorization.size());
    if (!password) co_return ask_for_password("The page needs its password; any name of a user is accepted.\n");
    const at_exit forget([&password] { sodium_memzero(password->data(), password->size()); });
    auto work = [&self, &password, &from] { return self->check(*password, from); };
    const auto found = co_await net::offload(self->pool_, self->loop_, std::move(work));
    if (found == verdict::accepted) co_return std::nullopt;
    if (found == verdict::unknown)
        co_return http_answer{.status = "503 Service Unavailable",
                              .body = "There is not enough memory to check the password; try again later.\n"};
    const auto name = from ? from->text() : std::string("a client of the Unix socket");
    if (found == verdict::penalized)
        co_return http_answer{.status = "429 Too Many Requests",
                              .body = fmt::format("Too many wrong passwords from {}; try again in a few minutes, or remove "
                                                  "the penalty with the command 'forgive'.\n",
                                                  name)};
    const auto text = fmt::format("Page: wrong password from {}", name);
    if (from)
        log::write_limited(log::level::warning, {.client = *from}, *from, text);
    else
        log::warning({}, text);
    co_return ask_for_password("The password is wrong.\n");
}

}  // namespace sallyport::ops
