#pragma once
// The helper as the daemon uses it: two processes that were forked before the daemon gave up its rights, and that perform a
// closed list of requests (docs/trust.md). The starter starts the new process of a graceful restart, so it has all rights of
// the start, and exists also if there are none. The other one has the rights that the configuration needs.
//
// Owned by the command for the life of the daemon. start() is called before any thread is started; the other functions on
// any thread, each waits for the helper, which needs microseconds for most requests. Changes of the kernel's rules have
// connections of their own, since they may take long. The helper ends with the client.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/helper_process.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/firewall/router.hpp>
#include <sallyport/firewall/table.hpp>
#include <sallyport/helper/channel.hpp>
#include <sallyport/helper/permissions.hpp>

namespace sallyport::helper {

class client final : public helper_process, public firewall::router {
public:
    /// Forks the helper. `confine` is called in the process that needs few rights, before it receives requests.
    [[nodiscard]] static result<std::unique_ptr<client>> start(permissions allowed, std::function<void()> confine = {});
    ~client() override;

    /// Starts the program with these listening sockets and with `connection`, on which it reports that it is ready, or why
    /// it cannot start. Returns its process ID.
    [[nodiscard]] result<int> start_successor(std::span<const int> sockets, std::span<const std::string> down,
                                              int connection);
    /// Kills the process that was started last.
    void end_successor();
    /// The wait status of that process; empty while it runs.
    [[nodiscard]] result<std::optional<int>> successor_status();

    [[nodiscard]] result<void> connect_from_low_port(int control, int data, const endpoint& target) override;
    [[nodiscard]] result<unique_fd> open_file(const std::string& path, bool append) override;
    [[nodiscard]] result<void> bind_port(int socket, const endpoint& at) override;

    /// The kernel's table of openings. The error says what the process or the system lacks.
    [[nodiscard]] result<std::unique_ptr<firewall::table>> find_table();

    /// A listening socket with IP_TRANSPARENT for the interception of the permissions with this number; one for each family.
    [[nodiscard]] result<unique_fd> listen_transparent(std::size_t interception, bool v4);
    /// The kernel delivers intercepted connections to these sockets from now on. The error says what the process or the
    /// system lacks.
    [[nodiscard]] result<void> start_interception();
    /// The client of an intercepted session may connect to the passed ports of its server until end_passing() with the
    /// number that is returned. Both wait for as long as another program has the kernel's lock, so they are called on a
    /// thread that has nothing else to do; other requests do not wait for them. After an error of end_passing() the ports
    /// are still passed.
    [[nodiscard]] result<std::uint32_t> pass_ports(std::size_t interception, int client_control, int backend_control);
    [[nodiscard]] result<void> end_passing(std::uint32_t number);
    /// Whether packets have passed on such a connection of the session since the last call. On the same thread.
    [[nodiscard]] result<bool> passed_data_moved(std::uint32_t number);
    /// How many intercepted connection requests have not passed the input chains of this machine, modulo 2^32.
    [[nodiscard]] result<std::uint32_t> dropped_requests();
    /// The daemon ends in good order; otherwise connections that no gateway takes stay blocked, if the configuration says
    /// so.
    void end_interception();
    [[nodiscard]] result<unique_fd> client_socket(int client_control) override;
    [[nodiscard]] result<ip_address> translated_address(int backend_control) override;

private:
    client(unique_fd starter, unique_fd requests, unique_fd changes, unique_fd passing, std::vector<permitted_file> files);

    std::vector<int> processes_;
    channel starter_;
    const std::shared_ptr<channel> requests_;
    const std::shared_ptr<channel> changes_;
    channel passing_;
    const std::vector<permitted_file> files_;
};

/// The path of this program when it was started; a newer version is installed under the same path.
[[nodiscard]] std::string program_path();

}  // namespace sallyport::helper
