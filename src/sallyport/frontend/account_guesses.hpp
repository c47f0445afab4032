#pragma once
// The rate of wrong passwords for one account from many addresses (AU-02): each address alone stays below its login penalty,
// so only the account shows that passwords are guessed. Addresses from which a password was accepted recently
// (recent_logins.hpp) are not limited, but others are, owners among them, as long as the guessing lasts: so the limit is off
// by default.
//
// Each failed login uses up one guess of its account. A sixth of the guesses of a minute may come at once; then they come
// back one by one. An account without a recent failure is not limited at all. Once it has one, a guess is reserved before
// the password is checked, so that guesses at the same time count too.
//
// Names are those that clients send, whether or not the accounts exist. A value owned by admission control; the caller
// passes the time. Not thread-safe.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace sallyport::frontend {

class account_guesses {
public:
    using clock = std::chrono::steady_clock;
    enum class verdict : std::uint8_t {
        // The account has no recent failure.
        unlimited,
        // The caller reports the outcome with `reserved`.
        reserved,
        refused,
    };

    /// Wrong passwords for one account in the first minute; 0: no limit.
    void set_limit(unsigned per_minute) noexcept;
    /// Before a check of the account's password.
    [[nodiscard]] verdict ask(std::string_view account, clock::time_point now);
    /// The password was wrong. `reserved`: ask() returned this.
    void failed(std::string_view account, bool reserved, clock::time_point now);
    /// The password was right, or it was not checked: the reserved guess is given back.
    void succeeded(std::string_view account);
    /// Whether this is the first refusal since the account was last without failures: for the log.
    [[nodiscard]] bool is_first_refusal(std::string_view account);
    [[nodiscard]] std::size_t tracked() const noexcept { return accounts_.size(); }

private:
    using accounts_by_end = std::multimap<clock::time_point, std::string>;
    struct entry {
        // When all guesses are back.
        accounts_by_end::iterator end;
        bool refusal_noted = false;
    };
    // Ordered, since remote names are the keys (RX-07).
    using accounts = std::map<std::string, entry, std::less<>>;

    void move_end(entry& of, clock::time_point to);
    void remove_first();
    void remove_expired(clock::time_point now);
    [[nodiscard]] entry* find(std::string_view account);

    // Between two guesses that come back, and until all have; 0 without a limit.
    clock::duration interval_{};
    clock::duration all_{};
    accounts accounts_;
    accounts_by_end ends_;
};

}  // namespace sallyport::frontend
