#pragma once
// Opens and closes by request, each opening between the two peers of a session that the kernel itself vouches for: the
// daemon sends the session's control connections, and their descriptors are asked.
//
// Owned by the helper process. It has a connection and a thread of its own, since the kernel may let a commit wait, and the
// daemon's other requests must not wait.

#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/firewall/conntrack.hpp>
#include <sallyport/firewall/table.hpp>
#include <sallyport/helper/permissions.hpp>
#include <sallyport/helper/serve.hpp>

namespace sallyport::helper {

class opening_changes {
public:
    /// The table outlives it.
    opening_changes(const permissions& allowed, firewall::table& in);

    [[nodiscard]] answer handle(const request& r, std::span<unique_fd> descriptors);

private:
    using key = std::pair<ip_address, endpoint>;

    [[nodiscard]] int add(const request& r, std::span<unique_fd> controls);
    [[nodiscard]] bool is_permitted(const firewall::opening& o, std::span<const unique_fd> controls);

    const std::vector<port_range> ports_;
    // The sessions of other hosts cross this machine.
    const bool routes_;
    firewall::table& table_;
    std::optional<firewall::conntrack> tracking_;
    // The transaction so far, and the errno of its first change that was refused.
    std::vector<firewall::change> changes_;
    int refused_ = 0;
    // The openings in the table, by client and listening endpoint.
    std::set<key> in_force_;
};

}  // namespace sallyport::helper
