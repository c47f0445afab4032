#pragma once
// What the commands for files and directories of servers share (rm, mv, mkdir, rmdir, chmod, stat, cat, find, du): the URLs
// with their patterns, one connection with each site, failures that do not stop the rest, and the report. Values that their
// command owns, and a function for the main thread.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/named_failures.hpp>
#include <sallyport/client/pool.hpp>
#include <sallyport/proto/listing.hpp>

namespace sallyport::cli {

struct entry_options {
    client_options connection;
    std::vector<std::string> urls;
    bool no_glob = false;

    /// The options of the connection, and --no-glob.
    void add_to(command_table& table);
    /// A row for URLs that patterns may be in.
    [[nodiscard]] option_row url_row();
};

/// What a URL names, or one of what its pattern matches.
struct named_entry {
    const client::url& location;
    /// From the root of the server.
    std::string path;
    /// As listed, if a pattern has found it.
    std::optional<proto::entry> facts;
};

struct entry_result {
    std::string command;
    /// Entries for which the command did what it should.
    std::size_t done = 0;
    std::vector<named_failure> problems;
    std::vector<std::string> warnings;
    /// Members of the JSON object with what the command has found, each followed by a comma.
    std::string members;

    /// Counts a success, or keeps a failure.
    void add(const std::string& name, client::outcome<void> got);
};

/// Everything below a directory of the server. What could not be read is added to the result; nothing if that is all.
[[nodiscard]] net::task<std::optional<client::remote_listing>> read_below(client::pool& on, std::string path,
                                                                          entry_result& result);

using entry_work = std::function<net::task<>(client::pool& connection, const named_entry& entry)>;

/// Parses the URLs, runs `work` for each entry in order, and prints failures, warnings and the JSON object. `end` is called
/// before the object is printed. Returns the exit code.
[[nodiscard]] int run_on_entries(entry_result& result, const entry_options& options, const entry_work& work,
                                 const std::function<void()>& end = {});

}  // namespace sallyport::cli
