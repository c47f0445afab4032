#include <sallyport/helper/pam_service.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/helper/packet.hpp>
#include <sallyport/helper/process.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::helper {
namespace {

using pam_clock = std::chrono::steady_clock;

struct running_check {
    int process = 0;
    pam_clock::time_point until{};
    // With the process, and with the daemon; both are closed once there is a reply.
    unique_fd outcome;
    unique_fd daemon;
};

[[nodiscard]] std::optional<pam_reply> receive_result(const running_check& one) {
    pam_reply out;
    const auto got = receive_packet(one.outcome.get(), bytes_of(out), MSG_DONTWAIT);
    if (got.os != 0 || got.size != sizeof out) return std::nullopt;
    return out;
}

void send_reply(const unique_fd& daemon, pam_reply reply) {
    (void)send_packet(daemon.get(), bytes_of(reply), {}, MSG_DONTWAIT);
}

/// Sends the reply, and ends the process.
void finish(running_check& one, const pam_reply& reply) {
    send_reply(one.daemon, reply);
    one.daemon.reset();
    one.outcome.reset();
    // What modules have started belongs to its group, unless they have taken it out. It was not waited for, so the number is
    // still its own.
    ::kill(-one.process, SIGKILL);
    ::kill(one.process, SIGKILL);
}

[[nodiscard]] pam_reply make_unavailable(std::string_view reason) {
    return make_pam_reply(pam_verdict::unavailable, reason);
}

[[nodiscard]] std::string text_of_end(int status) {
    return WIFSIGNALED(status) ? fmt::format("the process that asked PAM was ended by signal {}", WTERMSIG(status))
                               : fmt::format("the process that asked PAM ended with exit code {}", WEXITSTATUS(status));
}

[[nodiscard]] bool is_valid_request(const pam_request& r) {
    const auto user = text_in(r.user);
    return user && is_system_name(*user) && text_in(r.password) && text_in(r.address);
}

class pam_service {
public:
    pam_service(int channel, const pam_check& check, const pam_limits& limits, const sigset_t& signals)
        : channel_(channel), check_(check), limits_(limits), signals_(signals) {
        // Whatever was inherited: ended processes are waited for, here and by modules.
        ::signal(SIGCHLD, SIG_DFL);
        sigset_t of_children{};
        ::sigemptyset(&of_children);
        ::sigaddset(&of_children, SIGCHLD);
        ended_.reset(::signalfd(-1, &of_children, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    ~pam_service() {
        for (auto& one : running_)
            if (one.daemon) finish(one, make_unavailable("the daemon ends"));
    }
    pam_service(const pam_service&) = delete;
    pam_service& operator=(const pam_service&) = delete;

    void run() {
        for (bool continues = static_cast<bool>(ended_); continues;) {
            const auto ready = wait();
            for (std::size_t i = 0; i < running_.size(); ++i) look_at(running_[i], ready.at(2 + 2 * i), ready.at(3 + 2 * i));
            if (ready[1]) remove_ended();
            if (ready[0]) continues = receive();
        }
    }

private:
    /// Of the channel, of ended processes, and of result and daemon of each check, whether something has happened.
    [[nodiscard]] std::vector<bool> wait() const {
        std::vector<pollfd> all{{channel_, POLLIN, 0}, {ended_.get(), POLLIN, 0}};
        auto until = pam_clock::time_point::max();
        for (const auto& one : running_) {
            all.push_back({one.outcome.get(), POLLIN, 0});
            // Only its end.
            all.push_back({one.daemon.get(), 0, 0});
            if (one.daemon) until = std::min(until, one.until);
        }
        int timeout = -1;
        if (until != pam_clock::time_point::max())
            timeout = static_cast<int>(
                std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(until - pam_clock::now()).count()));
        if (::poll(all.data(), all.size(), timeout) < 0) return std::vector<bool>(all.size());
        std::vector<bool> out;
        for (const auto& one : all) out.push_back(one.revents != 0);
        return out;
    }

    void look_at(running_check& one, bool has_result, bool daemon_left) const {
        // The reply has been sent.
        if (!one.daemon) return;
        // Without a reply, the process has ended, and remove_ended() finds out why.
        if (has_result) {
            if (const auto reply = receive_result(one)) return finish(one, *reply);
            one.outcome.reset();
        }
        if (daemon_left) return finish(one, make_unavailable("the client has left"));
        if (pam_clock::now() >= one.until)
            finish(one, make_unavailable(fmt::format("PAM has not decided within {} s; look at the modules of its service",
                                                     std::chrono::ceil<std::chrono::seconds>(limits_.time).count())));
    }

    void remove_ended() {
        signalfd_siginfo one{};
        while (::read(ended_.get(), &one, sizeof one) > 0) {
        }
        std::erase_if(running_, [](running_check& check) {
            int status = 0;
            if (::waitpid(check.process, &status, WNOHANG) == 0) return false;
            if (!check.daemon) return true;
            const auto reply = check.outcome ? receive_result(check) : std::nullopt;
            send_reply(check.daemon, reply ? *reply : make_unavailable(text_of_end(status)));
            return true;
        });
    }

    /// False once the daemon has ended.
    [[nodiscard]] bool receive() {
        pam_request r;
        auto got = receive_packet(channel_, bytes_of(r));
        const bool continues = got.os == 0 ? got.size != 0 : got.os == EBADMSG;
        // A wrong request gets no reply: its descriptor is closed.
        if (got.os == 0 && got.size == sizeof r && got.descriptors.size() == 1 && is_valid_request(r) &&
            net::socket_option(got.descriptors[0].get(), SO_DOMAIN) == AF_UNIX)
            start(r, std::move(got.descriptors[0]));
        ::explicit_bzero(&r, sizeof r);
        return continues;
    }

    void start(pam_request& r, unique_fd daemon) {
        running_check made{.until = pam_clock::now() + limits_.time, .daemon = std::move(daemon)};
        const auto refuse = [&made](std::string_view reason) { send_reply(made.daemon, make_unavailable(reason)); };
        if (running_.size() >= limits_.running)
            return refuse(fmt::format("{} passwords are being checked with PAM already", running_.size()));
        auto ends = make_pair();
        if (!ends) return refuse(ends.error().text());
        made.outcome = std::move(ends->ours);
        std::vector<unique_fd> of_child;
        of_child.push_back(std::move(ends->theirs));
        const auto service = ::getpid();
        const auto pid = start_process("pam-check", std::move(of_child), [&](const sigset_t&) {
            // So that what modules start can be ended with it.
            ::setsid();
            // Or with the PAM process, if that is killed, even before this.
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != service) return;
            ::sigprocmask(SIG_SETMASK, &signals_, nullptr);
            auto reply = check_(r);
            (void)send_packet(first_channel, bytes_of(reply), {});
        });
        if (!pid) return refuse(pid.error().text());
        made.process = *pid;
        running_.push_back(std::move(made));
    }

    const int channel_;
    const pam_check& check_;
    const pam_limits limits_;
    const sigset_t signals_;
    unique_fd ended_;
    std::vector<running_check> running_;
};

}  // namespace

void serve_pam(int channel, const pam_check& check, const pam_limits& limits, const sigset_t& signals) {
    pam_service(channel, check, limits, signals).run();
}

}  // namespace sallyport::helper
