#pragma once
// What runs of the client learn of a server for the next ones: read from the database of sites before the first connection,
// and written after the last one if something has changed.
//
// A value that its command owns; the main thread. Opening it and learn() may block for a fraction of a second. A database
// that cannot be used is one warning, never a failure: the run is then one with an unknown server.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/site_database.hpp>
#include <sallyport/client/client.hpp>
#include <sallyport/client/site_facts.hpp>

namespace sallyport::cli {

class site_memory {
public:
    /// Changes the order of the methods in `how`, which has the login, so that the one that worked last is the first.
    site_memory(const client::url& site, const client_options& options, client::options& how);

    [[nodiscard]] const client::site_facts& known() const noexcept { return known_; }
    void learn(const client::site_facts& now) const;
    /// After a run with one session.
    void learn(const std::vector<client::attempt>& attempts) const;

private:
    void read();
    void warn(const error& why) const;

    site_key key_;
    client::site_facts known_;
    bool is_used_ = true;
    bool is_quiet_ = false;
};

// ---- Facts as they are stored

/// How long they hold. Limits of connections depend on who else is there.
inline constexpr std::chrono::seconds fact_lifetime = std::chrono::hours(7 * 24);
inline constexpr std::chrono::seconds limit_lifetime = std::chrono::hours(24);

/// When a fact is no longer used.
[[nodiscard]] std::int64_t end_of(const learned_fact& fact) noexcept;

/// Those that still hold; what is not understood is left out.
[[nodiscard]] client::site_facts facts_from(const std::vector<learned_fact>& stored, std::int64_t now);

struct fact_changes {
    std::vector<learned_fact> learned;
    /// Names.
    std::vector<std::string> unlearned;
};
[[nodiscard]] fact_changes changes_between(const client::site_facts& before, const client::site_facts& after,
                                           std::int64_t now);

}  // namespace sallyport::cli
