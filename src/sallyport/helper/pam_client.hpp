#pragma once
// The daemon's side of its PAM process (pam_service.hpp), which checks passwords of system users: the daemon itself neither
// reads /etc/shadow nor loads modules of PAM.
//
// Owned by the command and the server's settings. start() is called before any thread is started and before rights are given
// up; the other functions on any thread, and none of them waits. The process ends with the client.

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/helper/pam_service.hpp>

namespace sallyport::helper {

class pam_client {
public:
    // Checks at a time. Each needs a process, and waits for a directory service rather than for the processor.
    static constexpr std::size_t max_running = 16;

    [[nodiscard]] static result<std::shared_ptr<pam_client>> start(pam_check check, pam_limits limits = {});
    ~pam_client();
    pam_client(const pam_client&) = delete;
    pam_client& operator=(const pam_client&) = delete;

    /// Begins a check. The descriptor becomes readable when there is a reply; to close it ends the check.
    /// errc::login_refused: PAM cannot have such a name or password; errc::exhausted: there are too many requests.
    [[nodiscard]] result<unique_fd> ask(const std::string& user, const std::string& password,
                                        const ip_address& client) const;
    /// The reply on that descriptor: the home directory that the system has for the user, errc::login_refused with a reason
    /// for the log, or another error if the password could not be checked.
    [[nodiscard]] static result<std::string> outcome(int descriptor);
    /// When to give up waiting: later than the PAM process itself.
    [[nodiscard]] std::chrono::milliseconds max_wait() const noexcept;

private:
    pam_client(unique_fd channel, int process, const pam_limits& limits);

    unique_fd channel_;
    const int process_;
    const pam_limits limits_;
};

}  // namespace sallyport::helper
