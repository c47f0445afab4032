#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/proto/command_policy.hpp>

#include <algorithm>
#include <array>

namespace sallyport::proto {
namespace {

// No session is possible without these.
constexpr std::array logs_in_and_out{verb::user, verb::pass, verb::acct, verb::quit, verb::auth, verb::pbsz, verb::prot};

[[nodiscard]] std::size_t place_of(verb id) noexcept { return static_cast<std::size_t>(id); }

[[nodiscard]] result<verb> verb_named(std::string_view name) {
    if (const auto id = find_verb(name); id != verb::unknown) return id;
    return fail(errc::usage, "unknown command \"" + escape(name, 40) + "\"; use names such as STOR, DELE or SITE");
}

// Some servers set a file's time with "MDTM time name", which clients used before MFMT existed.
[[nodiscard]] bool sets_a_time(const command& cmd) noexcept {
    // YYYYMMDDhhmmss.
    constexpr std::size_t digits = 14;
    return cmd.id == verb::mdtm && cmd.argument.size() > digits && cmd.argument[digits] == ' ' &&
           std::ranges::all_of(std::string_view(cmd.argument).substr(0, digits), is_digit);
}

}  // namespace

result<command_policy> command_policy::make(const std::vector<std::string>& allow, const std::vector<std::string>& refuse,
                                            bool read_only) {
    command_policy out;
    out.read_only_ = read_only;
    if (!allow.empty()) {
        out.refused_.set();
        for (const verb id : logs_in_and_out) out.refused_.reset(place_of(id));
    }
    for (const auto& name : allow) {
        const auto id = verb_named(name);
        if (!id) return std::unexpected(id.error());
        out.refused_.reset(place_of(*id));
    }
    for (const auto& name : refuse) {
        const auto id = verb_named(name);
        if (!id) return std::unexpected(id.error());
        if (std::ranges::find(logs_in_and_out, *id) != logs_in_and_out.end())
            return fail(errc::usage, to_upper(name) + " is required to log in or out; remove it from the list");
        out.refused_.set(place_of(*id));
    }
    return out;
}

std::optional<local_reply> command_policy::refuses(const command& cmd) const {
    if (hides(cmd.id)) return local_reply{502, cmd.name + " is not allowed here."};
    if (!read_only_) return std::nullopt;
    if (cmd.id == verb::unknown)
        return local_reply{502, cmd.name + " is unknown and not allowed here, since access is read-only."};
    if (row_of(cmd.id).changes || sets_a_time(cmd)) return local_reply{550, "Access is read-only."};
    return std::nullopt;
}

}  // namespace sallyport::proto
