#pragma once
// A client's choice among EPSV, PASV, EPRT and PORT, as a value: which is tried next, where a reply leads to, what has gone
// wrong before in this session. No I/O; owned by one client_machine, used on its thread.

#include <cstddef>
#include <optional>
#include <vector>

#include <sallyport/proto/client_settings.hpp>

namespace sallyport::proto {

class data_negotiation {
public:
    /// For one transfer. False where none of the methods works here (IPv6).
    [[nodiscard]] bool start(const client_settings& s);
    /// The method has failed; `remember`: for the whole session. False where it was the last one.
    [[nodiscard]] bool fail(const client_settings& s, error why, bool remember);

    [[nodiscard]] data_method method() const noexcept { return attempts_.back().method; }
    [[nodiscard]] bool active() const noexcept { return is_active(method()); }
    [[nodiscard]] data_attempt& attempt() noexcept { return attempts_.back(); }
    [[nodiscard]] const std::vector<data_attempt>& attempts() const noexcept { return attempts_; }
    void clear_attempts() noexcept { attempts_.clear(); }

    /// Passive: where this reply leads to, which is noted in the attempt.
    [[nodiscard]] result<void> on_passive_reply(const client_settings& s, const reply& r);
    /// Active: the argument of the command for a listener at `at`.
    [[nodiscard]] result<std::string> active_argument(const client_settings& s, const endpoint& at);
    /// Firewalls exist that swallow EPSV; PASV, which they know, may pass.
    [[nodiscard]] bool can_skip_silent_epsv(const client_settings& s) const noexcept;

private:
    [[nodiscard]] bool skips(const client_settings& s, data_method m) const noexcept;
    [[nodiscard]] bool choose(const client_settings& s, std::size_t from);

    std::vector<data_attempt> attempts_;
    std::size_t at_ = 0;         // index in the settings' methods
    method_set failed_methods_;  // not to try again in this session
};

}  // namespace sallyport::proto
