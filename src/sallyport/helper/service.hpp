#pragma once
// The helper's side of the requests: checks each one again, whatever the daemon checked before, and performs it.
//
// Owned by the helper process; one thread. docs/trust.md lists what the helper may do.

#include <csignal>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/helper/request.hpp>
#include <sallyport/helper/successor.hpp>

namespace sallyport::helper {

/// A file that the configuration at the start names.
struct permitted_file {
    std::string path;
    // A log, which is appended to and created if it does not exist; otherwise the file is read.
    bool append = false;
};

/// What the configuration at the start permits.
struct permissions {
    // The program that a graceful restart starts. A newer version is installed under the same path.
    std::string program;
    // The ports that control connections arrive on.
    std::vector<std::uint16_t> control_ports{};
    // The ports that the configuration names for passive data connections.
    std::vector<port_range> data_ports{};
    // Their numbers are their places here.
    std::vector<permitted_file> files{};
};

struct answer {
    reply text;
    unique_fd descriptor{};
};

class service {
public:
    /// `signals`: the signal mask of the program that it starts.
    service(permissions allowed, const sigset_t& signals) : allowed_(std::move(allowed)), signals_(signals) {}

    /// Performs a request, or refuses it with an errno: EINVAL if it is not well-formed, EPERM if it is not permitted.
    [[nodiscard]] answer handle(const request& r, std::span<unique_fd> descriptors);

private:
    [[nodiscard]] answer add_socket(std::span<unique_fd> descriptors);
    [[nodiscard]] answer add_down_backend(const request& r);
    [[nodiscard]] answer start_successor(std::span<unique_fd> descriptors);
    [[nodiscard]] answer end_successor() const;
    [[nodiscard]] answer successor_status();
    [[nodiscard]] answer open_file(const request& r) const;
    [[nodiscard]] answer bind_port(const request& r, std::span<unique_fd> descriptors) const;
    [[nodiscard]] answer connect_from_low_port(const request& r, std::span<unique_fd> descriptors) const;

    const permissions allowed_;
    const sigset_t signals_;
    successor next_;
    // The process that was started last, until its status was returned.
    int pid_ = 0;
};

/// Performs the requests that arrive on `channel` until its other end is closed.
void serve(int channel, service& requests);

}  // namespace sallyport::helper
