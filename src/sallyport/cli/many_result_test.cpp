// The exit code of many files.

#include <gtest/gtest.h>

#include <initializer_list>

#include <sallyport/cli/many_result.hpp>

namespace sallyport::cli {
namespace {

using client::transfer_state;

many_result result_of(std::initializer_list<transfer_state> states) {
    many_result out;
    for (const auto state : states) {
        client::transfer one;
        one.state = state;
        if (state == transfer_state::failed)
            one.why = client::failure{client::step::request, error{errc::rejected, 0, {}}, 550, {}, {}};
        out.transfers.push_back(std::move(one));
    }
    return out;
}

TEST(many_files, the_exit_code_says_whether_some_or_all_failed) {
    using enum transfer_state;
    EXPECT_EQ(status_of(result_of({done, skipped})), exit_status::ok);
    EXPECT_EQ(status_of(result_of({})), exit_status::ok);
    EXPECT_EQ(status_of(result_of({done, failed, done})), exit_status::some_failed);
    EXPECT_EQ(status_of(result_of({skipped, failed})), exit_status::some_failed);
    EXPECT_EQ(status_of(result_of({failed, failed})), exit_status::refused);
    EXPECT_EQ(static_cast<int>(exit_status::some_failed), 13);
    EXPECT_EQ(static_cast<int>(exit_status::too_many_deletions), 15);
}

TEST(many_files, what_failed_before_it_was_a_transfer_counts) {
    auto r = result_of({transfer_state::done});
    const client::failure unlisted{client::step::data, error{errc::timeout, 0, {}}, 0, {}, {}};
    r.problems.push_back({"directory", unlisted});
    EXPECT_EQ(status_of(r), exit_status::some_failed);
    r.transfers.clear();
    EXPECT_EQ(status_of(r), exit_status::data_connection);
    r.unchanged = 1;
    EXPECT_EQ(status_of(r), exit_status::some_failed);
}

TEST(many_files, a_listing_that_a_signal_has_cancelled_is_no_failure) {
    auto r = result_of({transfer_state::done});
    r.problems.push_back({"directory", {client::step::listing, error{errc::cancelled, 0, {}}, 0, {}, {}}});
    EXPECT_EQ(status_of(r), exit_status::some_failed);
    r.signal = 2;
    EXPECT_EQ(status_of(r), exit_status::ok);
}

}  // namespace
}  // namespace sallyport::cli
