#include <sallyport/server/password_check.hpp>

#include <algorithm>
#include <utility>

#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::server {
namespace {

/// Waits for the turn of this login.
net::task<result<void>> wait_for_turn(const password_check& from, login_turn& turn, const std::string& user) {
    std::function<bool()> is_over = from.is_over;
    const auto reached = co_await turn.wait(std::move(is_over));
    if (from.is_over()) co_return fail(errc::cancelled);
    if (reached != login_turn::state::granted) co_return fail(errc::exhausted);
    // Others may have failed from the same address meanwhile, or for the same account.
    if (const auto text = from.rejection(user); !text.empty()) co_return fail(errc::rejected, std::string(text));
    co_return result<void>();
}

net::task<result<account_ptr>> check_on_pool(const password_check& from, const proto::login_request& request) {
    login_turn turn(from.shared->hash_turns, from.loop, from.owner, from.known_address);
    const auto granted = co_await wait_for_turn(from, turn, request.user);
    if (!granted) co_return std::unexpected(granted.error());
    auto work = [&from, &request] { return from.shared->users.check(request); };
    co_return co_await net::offload(from.shared->hashes, from.loop, std::move(work));
}

/// Waits for the reply of the PAM process.
net::task<result<std::string>> wait_for_pam(const password_check& from, const helper::pam_client& pam,
                                            unique_fd descriptor) {
    net::descriptor reply(from.loop, std::move(descriptor));
    const auto last = net::clock::now() + pam.max_wait();
    for (;;) {
        const auto now = net::clock::now();
        if (now >= last) co_return fail(errc::timeout, "the PAM process does not respond; restart the daemon");
        const auto seen = co_await reply.readable(std::min(last, now + limits::login_queue_check_interval));
        if (from.is_over()) co_return fail(errc::cancelled);
        if (seen != net::wait_result::timeout) co_return helper::pam_client::outcome(reply.get());
    }
}

net::task<result<account_ptr>> check_with_pam(const password_check& from, const proto::login_request& request) {
    const auto& system = *from.shared->config.system_users;
    if (!system.pam || !system.is_admitted(request.user))
        co_return fail(errc::login_refused, "the configuration admits no such user of the system");
    login_turn turn(from.shared->pam_turns, from.loop, from.owner, from.known_address);
    const auto granted = co_await wait_for_turn(from, turn, request.user);
    if (!granted) co_return std::unexpected(granted.error());
    auto asked = system.pam->ask(request.user, request.password, from.client);
    if (!asked) co_return std::unexpected(asked.error());
    const auto home = co_await wait_for_pam(from, *system.pam, std::move(*asked));
    if (!home) co_return std::unexpected(home.error());
    auto made = system.account_of(request.user, *home);
    if (!made) co_return std::unexpected(made.error());
    co_return std::make_shared<const account>(std::move(*made));
}

}  // namespace

net::task<result<account_ptr>> check_password(password_check from, const proto::login_request& request) {
    const auto& users = from.shared->users;
    if (const auto text = from.rejection(request.user); !text.empty()) co_return fail(errc::rejected, std::string(text));
    if (auto known = users.find_by_certificate(request, from.certificate)) co_return known;
    const auto place = users.place_of_check(request);
    if (place == check_place::loop) co_return users.check(request);
    // The client gets the reply to USER now. If it has closed the connection, its system answers that with RST.
    co_await from.flush();
    result<account_ptr> checked = account_ptr();
    if (place == check_place::pool) checked = co_await check_on_pool(from, request);
    if (const auto& renewal = from.shared->config.hash_renewal; renewal && checked && *checked)
        renewal->submit(request.user, request.password, from.owner);
    // No account of the settings or of the database has this name.
    const bool is_unknown = checked && *checked == nullptr;
    if (is_unknown) checked = co_await check_with_pam(from, request);
    co_return checked;
}

}  // namespace sallyport::server
