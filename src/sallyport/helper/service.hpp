#pragma once
// Files, ports and queries by request: checks each request again, whatever the daemon checked before, and performs it.
//
// Owned by the helper process; one thread, and another one for handle_passing(). docs/trust.md lists what the helper may do.

#include <memory>
#include <span>
#include <utility>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/firewall/nft_table.hpp>
#include <sallyport/helper/interceptor.hpp>
#include <sallyport/helper/permissions.hpp>
#include <sallyport/helper/serve.hpp>

namespace sallyport::helper {

/// The kernel's table of openings, or why there is none.
using made_table = result<std::unique_ptr<firewall::nft_table>>;
[[nodiscard]] made_table make_table(const permissions& allowed);

class service {
public:
    /// `openings` outlives the service.
    service(permissions allowed, const made_table& openings)
        : allowed_(std::move(allowed)),
          openings_(openings),
          interceptor_(allowed_.interception.value_or(firewall::interception_settings())) {}

    [[nodiscard]] answer handle(const request& r, std::span<unique_fd> descriptors);
    /// The requests about passed ports, on a thread of their own.
    [[nodiscard]] answer handle_passing(const request& r, std::span<unique_fd> descriptors);

private:
    [[nodiscard]] answer open_file(const request& r) const;
    [[nodiscard]] answer bind_port(const request& r, int socket) const;
    [[nodiscard]] answer connect_from_low_port(const request& r, int control, int data) const;
    [[nodiscard]] answer query(const request& r) const;

    const permissions allowed_;
    const made_table& openings_;
    interceptor interceptor_;
};

}  // namespace sallyport::helper
