#pragma once
// Makes a directory on the server like a local one, or the other way: lists both, plans, then acts. Coroutines on the pool's
// home loop; the pool and the arguments outlive them. Nothing is changed before the plan is complete.
//
// A mirror that was interrupted is continued by the next one: it compares again, and continues unfinished downloads.

#include <memory>
#include <string>
#include <vector>

#include <sallyport/client/glob.hpp>
#include <sallyport/client/local_tree.hpp>
#include <sallyport/client/mirror_plan.hpp>
#include <sallyport/client/pool.hpp>
#include <sallyport/client/remote_tree.hpp>
#include <sallyport/client/run_transfers.hpp>

namespace sallyport::client {

struct mirror_settings {
    /// `upload`: from the local tree to the server.
    direction way = direction::download;
    std::string remote;
    /// Nothing: the local target does not exist and is not to be made (a dry run).
    std::shared_ptr<const local_tree> local;
    name_filter wanted;
    plan_settings plan;
};

/// Both sides and the plan.
struct mirror_preparation {
    /// From the root of the server.
    std::string remote;
    mirror_plan plan;
    /// What could not be listed. If it is of the source, nothing is deleted.
    std::vector<remote_problem> problems;
    /// The directory of the target does not exist on the server.
    bool remote_is_missing = false;
    /// --delete was given, but the source is not known completely.
    bool keeps_extra_files = false;
    std::size_t skipped_names = 0;
    std::size_t unrecognized_lines = 0;
};

net::task<outcome<mirror_preparation>> prepare_mirror(pool& connections, const mirror_settings& how);

struct mirror_outcome {
    std::vector<transfer> transfers;
    std::vector<remote_problem> problems;
    std::size_t deleted = 0;
    /// Nothing was deleted, because a copy failed.
    bool keeps_extra_files = false;
};

/// Appends to `out`.
net::task<> run_mirror(pool& connections, const mirror_settings& how, const mirror_preparation& prepared,
                       transfer_counters& counters, mirror_outcome& out);

}  // namespace sallyport::client
