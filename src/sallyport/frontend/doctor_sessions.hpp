#pragma once
// What the sessions of all loops know of their data connections, for SITE DOCTOR of another session of the same user from
// the same address (D6). Only with the setting `site_doctor`.
//
// The table is part of the shared state and outlives the sessions; each session owns its entry. Any thread.

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/client_side/site_doctor.hpp>

namespace sallyport::frontend {

/// Whose sessions they are: names are compared as they are, and several servers may have the same.
struct doctor_user {
    ip_address client;
    // Empty at a server.
    std::string backend;
    std::string name;

    friend auto operator<=>(const doctor_user&, const doctor_user&) = default;
};

class doctor_sessions {
public:
    /// The place of one session in the table.
    class entry {
    public:
        explicit entry(doctor_sessions& all) noexcept : all_(all) {}
        ~entry() { withdraw(); }
        entry(const entry&) = delete;
        entry& operator=(const entry&) = delete;

        /// Replaces what the session has published before. An anonymous login is no user whose sessions belong together:
        /// nothing is published for it.
        void publish(const doctor_user& user, const proto::site_doctor_session& seen);
        /// Until it publishes again, it neither sees others nor is seen.
        void withdraw() noexcept;
        /// What the other sessions of the same user have published.
        [[nodiscard]] std::vector<proto::site_doctor_session> others() const;

    private:
        doctor_sessions& all_;
        bool is_listed_ = false;
    };

private:
    struct item {
        doctor_user user;
        proto::site_doctor_session seen;
    };

    std::mutex mutex_;
    std::map<const entry*, item> items_;
};

}  // namespace sallyport::frontend
