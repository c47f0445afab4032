#pragma once
// The commands of a server's client about directories and files, apart from transfers: CWD CDUP PWD MKD RMD DELE RNFR RNTO
// SIZE MDTM MLST MFMT and STAT with a path (RFC 959, RFC 3659), and what a listing's argument names. A value with the
// session's directory; one thread. The driver looks at the disk: a step is either a reply or what it has to ask for.

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <sallyport/base/virtual_path.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/listing.hpp>
#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/server_actions.hpp>

namespace sallyport::proto {

class server_files {
public:
    using step = std::variant<reply, file_request>;

    /// `type`: SIZE depends on it. REQUIRES: one of the commands above.
    [[nodiscard]] step start(const command& c, data_type type);
    /// What the driver found of the request that was the last step.
    [[nodiscard]] step finish(const result<file_result>& outcome);
    /// Before each command: RNTO must directly follow RNFR.
    void note_command(verb id) noexcept;

    /// LIST, NLST, MLSD and STAT read their argument alike: a name where there is something of that name, else what clients
    /// of ls write, options and a pattern.
    [[nodiscard]] std::expected<transfer_request, reply> listing(const command& c) const;

    [[nodiscard]] const virtual_path& directory() const noexcept { return directory_; }
    /// As OPTS MLST chose them.
    [[nodiscard]] const fact_set& facts() const noexcept { return facts_; }
    void set_facts(const fact_set& facts) noexcept { facts_ = facts; }

private:
    /// What MFMT asks for, and MDTM perhaps.
    struct time_to_set {
        std::int64_t time = 0;
        std::string name;
        [[nodiscard]] static std::optional<time_to_set> parse(std::string_view argument);
    };

    [[nodiscard]] step run_at_path(const command& c, file_request request);
    [[nodiscard]] step modification_time(const command& c);
    [[nodiscard]] step rename(const command& c);
    [[nodiscard]] step status(const command& c);
    [[nodiscard]] step set_time(const time_to_set& wanted);
    [[nodiscard]] step run(file_request request);
    [[nodiscard]] reply reply_to(const file_request& request, const file_result& answer);

    virtual_path directory_;
    fact_set facts_;
    // RNFR was accepted.
    std::optional<virtual_path> rename_from_;
    file_request request_;
    // To be done where request_ is MDTM and there is no file of the whole name.
    std::optional<time_to_set> time_to_set_;
};

}  // namespace sallyport::proto
