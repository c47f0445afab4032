// How the end of a transfer stands in its record: by the result and the code of the final reply.

#include <gtest/gtest.h>

#include <tuple>

#include <sallyport/gate/transfer_report.hpp>

namespace sallyport::gate {
namespace {

using proto::data_end;
using status::transfer_end;

TEST(TransferReport, TellsByResultAndReplyHowATransferEnded) {
    const auto ends = [](data_end end, int code, bool timed_out = false) { return end_of({code, {end, {}, timed_out}}); };
    EXPECT_EQ(ends(data_end::complete, 226), transfer_end::complete);
    EXPECT_EQ(ends(data_end::complete, 250), transfer_end::complete);
    EXPECT_EQ(ends(data_end::complete, 451), transfer_end::refused);
    EXPECT_EQ(ends(data_end::complete, 426), transfer_end::refused);
    EXPECT_EQ(ends(data_end::refused, 550), transfer_end::refused);
    EXPECT_EQ(ends(data_end::refused, 426), transfer_end::backend);
    EXPECT_EQ(ends(data_end::not_established, 425), transfer_end::deadline);
    EXPECT_EQ(ends(data_end::aborted, 426), transfer_end::aborted);
    EXPECT_EQ(ends(data_end::aborted, 226), transfer_end::aborted);
    EXPECT_EQ(ends(data_end::backend_unreachable, 425), transfer_end::backend);
    EXPECT_EQ(ends(data_end::backend_unreachable, 425, true), transfer_end::deadline);
    EXPECT_EQ(ends(data_end::backend_failed, 426), transfer_end::backend);
    EXPECT_EQ(ends(data_end::client_never_came, 425), transfer_end::client);
    EXPECT_EQ(ends(data_end::client_never_came, 425, true), transfer_end::deadline);
    EXPECT_EQ(ends(data_end::client_not_bound, 522), transfer_end::client);
    EXPECT_EQ(ends(data_end::client_failed, 426), transfer_end::client);
    EXPECT_EQ(ends(data_end::client_failed, 426, true), transfer_end::deadline);
}

TEST(TransferReport, NamesTheDataPathAndItsReason) {
    proto::relay_plan plan;
    plan.what = proto::verb::stor;
    plan.upload = true;
    plan.path = "/f";
    plan.data_path = {proto::data_route::relayed, proto::data_path_reason::rate_limit};
    const auto r = record_of(plan, std::chrono::seconds(2));
    EXPECT_EQ(r.route, "relay");
    EXPECT_EQ(r.data_path_reason, "rate_limit");
    EXPECT_EQ(r.lasted.count(), 2);
    const auto shown = running(plan, net::clock::now());
    EXPECT_EQ(shown.data_path, "relay");
    EXPECT_EQ(shown.data_path_reason, "rate_limit");
}

}  // namespace
}  // namespace sallyport::gate
