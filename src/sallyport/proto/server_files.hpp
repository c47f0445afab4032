#pragma once
// The commands for directories and files except transfers: CWD, CDUP, PWD, MKD, RMD, DELE, RNFR, RNTO, SIZE, MDTM, MLST,
// MFMT and STAT with a path (RFC 959, RFC 3659); and the paths in the argument of a listing.
//
// A value with the working directory of the session, owned by the server machine; one thread. The driver accesses the disk:
// a step is either a reply or a request for the driver.

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

    /// `type` is needed for SIZE. REQUIRES: `c` is one of the commands above.
    [[nodiscard]] step start(const command& c, data_type type);
    /// STAT with a path: lines of the listing follow. True the first time, when the reply's first line must be sent.
    [[nodiscard]] bool start_lines() noexcept { return !std::exchange(lines_started_, true); }
    static constexpr std::string_view status_follows = "Status follows:";
    /// The outcome of the request that was the last step.
    [[nodiscard]] step finish(const result<file_result>& outcome);
    /// Call it before each command: RNTO must directly follow RNFR.
    void note_command(verb id) noexcept;

    /// LIST, NLST, MLSD and STAT interpret their argument in the same way: as a name if such a file exists, otherwise as
    /// options and a pattern, as for ls.
    [[nodiscard]] std::expected<transfer_request, reply> listing(const command& c) const;

    [[nodiscard]] const virtual_path& directory() const noexcept { return directory_; }
    /// The facts that OPTS MLST has selected.
    [[nodiscard]] const fact_set& facts() const noexcept { return facts_; }
    void set_facts(const fact_set& facts) noexcept { facts_ = facts; }

private:
    /// The time and the name in MFMT, and maybe in MDTM.
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
    /// The last line of STAT with a path, or the whole reply if there were no lines.
    [[nodiscard]] reply end_of_status(const result<file_result>& outcome);
    [[nodiscard]] reply reply_to(const file_request& request, const file_result& answer);

    virtual_path directory_;
    fact_set facts_;
    // The path of an accepted RNFR.
    std::optional<virtual_path> rename_from_;
    file_request request_;
    bool lines_started_ = false;
    // If request_ is MDTM and no file has the complete argument as its name.
    std::optional<time_to_set> time_to_set_;
};

}  // namespace sallyport::proto
