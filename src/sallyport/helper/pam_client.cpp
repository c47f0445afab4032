#include <sallyport/helper/pam_client.hpp>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/wait.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/helper/packet.hpp>
#include <sallyport/helper/process.hpp>

namespace sallyport::helper {
namespace {

constexpr auto process_has_ended = "the PAM process has ended; restart the daemon";

}  // namespace

pam_client::pam_client(unique_fd channel, int process, const pam_limits& limits)
    : channel_(std::move(channel)), process_(process), limits_(limits) {}

pam_client::~pam_client() {
    channel_.reset();
    ::waitpid(process_, nullptr, 0);
}

result<std::shared_ptr<pam_client>> pam_client::start(pam_check check, pam_limits limits) {
    auto channel = make_pair();
    if (!channel) return std::unexpected(channel.error());
    std::vector<unique_fd> of_process;
    of_process.push_back(std::move(channel->theirs));
    const auto pid = start_process("pam", std::move(of_process),
                                   [&](const sigset_t& signals) { serve_pam(first_channel, check, limits, signals); });
    if (!pid) return std::unexpected(pid.error());
    return std::shared_ptr<pam_client>(new pam_client(std::move(channel->ours), *pid, limits));
}

result<unique_fd> pam_client::ask(const std::string& user, const std::string& password, const ip_address& client) const {
    if (!is_system_name(user)) return fail(errc::login_refused, "no system user can have this name");
    if (password.empty()) return fail(errc::login_refused, "the password is empty");
    pam_request r;
    (void)put_text(user, r.user);
    (void)put_text(client.text(), r.address);
    if (!put_text(password, r.password)) return fail(errc::login_refused, "the password is longer than PAM accepts");
    auto ends = make_pair();
    const int theirs = ends ? ends->theirs.get() : -1;
    const int os = ends ? send_packet(channel_.get(), bytes_of(r), {&theirs, 1}, MSG_DONTWAIT) : 0;
    ::explicit_bzero(&r, sizeof r);
    if (!ends) return std::unexpected(ends.error());
    if (os == EAGAIN) return fail(errc::exhausted);
    if (os != 0) return fail(errc::closed, process_has_ended);
    return std::move(ends->ours);
}

result<std::string> pam_client::outcome(int descriptor) {
    pam_reply reply;
    const auto got = receive_packet(descriptor, bytes_of(reply), MSG_DONTWAIT);
    if (got.os != 0 || got.size != sizeof reply) return fail(errc::closed, process_has_ended);
    const auto home = text_in(reply.home);
    const auto reason = text_in(reply.reason);
    if (!home || !reason) return fail(errc::misuse, "the reply of the PAM process has no end");
    switch (reply.verdict) {
        case pam_verdict::accepted: return *home;
        case pam_verdict::refused: return fail(errc::login_refused, *reason);
        case pam_verdict::unavailable: break;
    }
    return fail(errc::busy, *reason);
}

std::chrono::milliseconds pam_client::max_wait() const noexcept { return limits_.time + limits::helper_timeout; }

}  // namespace sallyport::helper
