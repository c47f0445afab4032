#pragma once
// Compares the sessions of a server's log. One failing client proves little: the data ports may be blocked on either side.
// If the clients of several networks all fail, or those of one network alone, the side is known.
//
// Pure functions on values; any thread.

#include <span>
#include <vector>

#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/diagnosis/verdict.hpp>

namespace sallyport::diagnosis {

struct log_summary {
    std::size_t sessions = 0;
    // Of these, some data connection failed.
    std::size_t failed = 0;
    std::vector<verdict> verdicts;
};

/// The verdicts of all sessions, one for each id.
[[nodiscard]] log_summary judge_log(std::span<const facts> sessions);

}  // namespace sallyport::diagnosis
