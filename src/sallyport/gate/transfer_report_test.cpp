// The result of a transfer in its record: from the outcome of its data connections and the code of the final reply.

#include <gtest/gtest.h>

#include <tuple>

#include <sallyport/gate/transfer_report.hpp>

namespace sallyport::gate {
namespace {

using proto::data_result;
using status::transfer_result;

TEST(TransferReport, DerivesTheResultFromOutcomeAndReply) {
    const auto ends = [](data_result end, int code, bool timed_out = false) {
        return result_of({code, {end, {}, timed_out}});
    };
    EXPECT_EQ(ends(data_result::complete, 226), transfer_result::complete);
    EXPECT_EQ(ends(data_result::complete, 250), transfer_result::complete);
    EXPECT_EQ(ends(data_result::complete, 451), transfer_result::refused);
    EXPECT_EQ(ends(data_result::complete, 426), transfer_result::refused);
    EXPECT_EQ(ends(data_result::refused, 550), transfer_result::refused);
    EXPECT_EQ(ends(data_result::refused, 426), transfer_result::backend_failed);
    EXPECT_EQ(ends(data_result::not_established, 425), transfer_result::timeout);
    EXPECT_EQ(ends(data_result::path_lost, 426), transfer_result::timeout) << "the server is not at fault";
    EXPECT_EQ(ends(data_result::aborted, 426), transfer_result::aborted);
    EXPECT_EQ(ends(data_result::aborted, 226), transfer_result::aborted);
    EXPECT_EQ(ends(data_result::backend_connect_failed, 425), transfer_result::backend_failed);
    EXPECT_EQ(ends(data_result::backend_connect_failed, 425, true), transfer_result::timeout);
    EXPECT_EQ(ends(data_result::backend_failed, 426), transfer_result::backend_failed);
    EXPECT_EQ(ends(data_result::client_timeout, 425), transfer_result::client_failed);
    EXPECT_EQ(ends(data_result::client_timeout, 425, true), transfer_result::timeout);
    EXPECT_EQ(ends(data_result::tls_session_not_reused, 522), transfer_result::client_failed);
    EXPECT_EQ(ends(data_result::client_failed, 426), transfer_result::client_failed);
    EXPECT_EQ(ends(data_result::client_failed, 426, true), transfer_result::timeout);
}

TEST(TransferReport, NamesTheDataPathAndItsReason) {
    proto::relay_plan plan;
    plan.command = proto::verb::stor;
    plan.upload = true;
    plan.path = "/f";
    plan.data_path = {proto::data_path::relay, proto::data_path_reason::rate_limit};
    const auto r = record_of(plan, std::chrono::seconds(2));
    EXPECT_EQ(r.data_path, "relay");
    EXPECT_EQ(r.data_path_reason, "rate_limit");
    EXPECT_EQ(r.duration.count(), 2);
    const auto report = running(plan, net::clock::now());
    EXPECT_EQ(report.data_path, "relay");
    EXPECT_EQ(report.data_path_reason, "rate_limit");
}

}  // namespace
}  // namespace sallyport::gate
