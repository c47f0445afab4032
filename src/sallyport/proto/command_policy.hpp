#pragma once
// Which commands a gateway lets through, by names and by what they do: a value, decided on before anything else.

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

class command_policy {
public:
    /// Everything may pass.
    command_policy() = default;
    /// `allow`: only these, where it is not empty, and what logs in and out. `refuse`: all but these. Names are those of the
    /// command table or their X forms; others, and refusing what logs in and out, are errc::usage. `read_only`: nothing
    /// that changes what lies on the server, and no command that is not known.
    [[nodiscard]] static result<command_policy> make(const std::vector<std::string>& allow,
                                                     const std::vector<std::string>& refuse, bool read_only);

    /// The reply to a command that may not pass: 502 by name, 550 where it would change something.
    [[nodiscard]] std::optional<local_reply> refuses(const command& cmd) const;
    /// By its name alone.
    [[nodiscard]] bool hides(verb id) const noexcept { return refused_.test(static_cast<std::size_t>(id)); }

private:
    std::bitset<static_cast<std::size_t>(verb::unknown) + 1> refused_;
    bool read_only_ = false;
};

}  // namespace sallyport::proto
