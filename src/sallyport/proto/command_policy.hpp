#pragma once
// The commands that a server or a gateway allows, by name and by effect.
//
// It is checked before a command has any other effect. A value; any thread.

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
    /// All commands are allowed.
    command_policy() = default;
    /// `allow`: if not empty, only these commands and those of the login. `refuse`: all commands but these. `read_only`: no
    /// command that changes files, and no unknown command. Names are those of the command table or their X forms.
    /// errc::usage for other names, and for refusing a command of the login.
    [[nodiscard]] static result<command_policy> make(const std::vector<std::string>& allow,
                                                     const std::vector<std::string>& refuse, bool read_only);

    /// The reply to a command that is not allowed: 502 for its name, 550 if it would change files.
    [[nodiscard]] std::optional<local_reply> refuses(const command& cmd) const;
    /// True if the command is refused by its name.
    [[nodiscard]] bool hides(verb id) const noexcept { return refused_.test(static_cast<std::size_t>(id)); }

private:
    std::bitset<static_cast<std::size_t>(verb::unknown) + 1> refused_;
    bool read_only_ = false;
};

}  // namespace sallyport::proto
