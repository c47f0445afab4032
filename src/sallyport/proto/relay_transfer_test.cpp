#include <sallyport/proto/relay_transfer.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace sallyport::proto {
namespace {

constexpr std::optional<relay_event> finished_event = relay_event::transfer_finished;
constexpr session_time start{std::chrono::hours(1)};

/// A transfer whose command has been sent.
struct running {
    explicit running(data_path path = data_path::relay) : transfer(path, start) {
        (void)out.send_command({verb::retr, "RETR", "f"}, reply_kind::transfer);
        sent();
    }
    std::string replies() {
        std::string text;
        out.release_client_output(text);
        return text;
    }
    std::string sent() {
        std::string text;
        out.release_backend_output(text);
        return text;
    }
    /// The code of the transfer_finished that was requested; 0 without one.
    int finished() {
        int code = 0;
        while (const auto action = out.next_action()) {
            if (const auto* end = std::get_if<relay_act::transfer_finished>(&*action)) code = end->reply_code;
        }
        return code;
    }

    relay_output out;
    relay_transfer transfer;
};

TEST(RelayTransfer, SuccessNeedsBothTheDataAndTheBackendsReply) {
    running data_first;
    EXPECT_EQ(std::nullopt, data_first.transfer.on_data_ended({}, data_first.out));
    EXPECT_EQ(data_first.replies(), "");
    EXPECT_EQ(finished_event, data_first.transfer.on_final_reply({226, {"Done."}}, data_first.out));
    EXPECT_EQ(data_first.replies(), "226 Done.\r\n");
    EXPECT_EQ(data_first.finished(), 226);

    running reply_first;
    EXPECT_EQ(std::nullopt, reply_first.transfer.on_final_reply({226, {"Done."}}, reply_first.out));
    EXPECT_EQ(reply_first.replies(), "");
    EXPECT_EQ(finished_event, reply_first.transfer.on_data_ended({}, reply_first.out));
    EXPECT_EQ(reply_first.replies(), "226 Done.\r\n");
    EXPECT_TRUE(reply_first.out.pending().empty());
}

struct row {
    data_result end;
    int backend_code;  // 0: its final reply is missing
    int code;          // 0: the client waits
    bool sends_abort = false;
};

TEST(RelayTransfer, TheClientGetsTheReplyOfTheLegThatFailed) {
    using enum data_result;
    for (const auto& row : {row{complete, 0, 0}, row{complete, 226, 226}, row{complete, 451, 451},
                            row{client_timeout, 0, 425}, row{tls_session_not_reused, 0, 522}, row{client_failed, 0, 426},
                            row{client_failed, 226, 426}, row{not_established, 0, 425, true}, row{backend_failed, 0, 0},
                            row{backend_failed, 226, 426}, row{backend_failed, 452, 452}, row{backend_connect_failed, 0, 0},
                            row{backend_connect_failed, 226, 425}, row{backend_connect_failed, 550, 550}}) {
        SCOPED_TRACE(static_cast<int>(row.end));
        running at;
        (void)at.transfer.on_data_ended({row.end, "reset"}, at.out);
        const bool answered_by_data = at.transfer.answered();
        if (row.backend_code != 0) (void)at.transfer.on_final_reply({row.backend_code, {"Text."}}, at.out);
        EXPECT_EQ(at.finished(), row.code);
        EXPECT_EQ(at.replies().substr(0, 3), row.code == 0 ? "" : std::to_string(row.code));
        EXPECT_EQ(at.sent(), row.sends_abort ? "ABOR\r\n" : "");
        EXPECT_EQ(answered_by_data, row.end == client_timeout || row.end == tls_session_not_reused ||
                                        row.end == client_failed || row.end == not_established);
    }
}

TEST(RelayTransfer, AFailedBackendLegIsReportedWithoutTheBackendsReplyWhenThatIsLate) {
    running cut;
    EXPECT_EQ(std::nullopt, cut.transfer.on_data_ended({data_result::backend_failed, "reset"}, cut.out));
    EXPECT_TRUE(cut.transfer.in_doubt());
    EXPECT_EQ(std::nullopt, cut.transfer.stop_waiting(cut.out));
    EXPECT_EQ(cut.finished(), 426);
    EXPECT_EQ(cut.sent(), "");
    EXPECT_EQ(finished_event, cut.transfer.on_final_reply({451, {"Late."}}, cut.out))
        << "it finishes the transfer in silence";
    EXPECT_EQ(cut.finished(), 0);

    running unreachable;
    EXPECT_EQ(std::nullopt,
              unreachable.transfer.on_data_ended({data_result::backend_connect_failed, "reset"}, unreachable.out));
    EXPECT_EQ(std::nullopt, unreachable.transfer.stop_waiting(unreachable.out));
    EXPECT_EQ(unreachable.finished(), 425);
    EXPECT_EQ(unreachable.sent(), "ABOR\r\n") << "it may wait for its connection for long";
}

TEST(RelayTransfer, ARefusalReleasesTheData) {
    running at;
    EXPECT_EQ(finished_event, at.transfer.on_final_reply({550, {"No."}}, at.out));
    EXPECT_TRUE(std::holds_alternative<relay_act::release_data>(*at.out.next_action()));
    EXPECT_EQ(at.finished(), 550);
    EXPECT_EQ(at.transfer.data()->result, data_result::refused);
}

TEST(RelayTransfer, AnAbortReleasesTheDataAndWaitsForTheBackend) {
    running at;
    EXPECT_EQ(std::nullopt, at.transfer.on_abort(at.out));
    EXPECT_TRUE(std::holds_alternative<relay_act::release_data>(*at.out.next_action()));
    EXPECT_EQ(finished_event, at.transfer.on_final_reply({426, {"Aborted."}}, at.out));
    EXPECT_EQ(at.replies(), "426 Aborted.\r\n");
}

TEST(RelayTransfer, TheOpeningWaitsForTheDataConnections) {
    running at;
    at.transfer.on_opening({150, {"Here."}}, at.out);
    EXPECT_TRUE(std::holds_alternative<relay_act::confirm_data>(*at.out.next_action()));
    EXPECT_EQ(at.replies(), "");
    at.transfer.on_connected({}, at.out);
    EXPECT_EQ(at.replies(), "150 Here.\r\n");
    at.transfer.on_connected({}, at.out);
    EXPECT_EQ(at.replies(), "");
}

TEST(RelayTransfer, AnOpeningAfterAFailureIsDropped) {
    running at;
    (void)at.transfer.on_data_ended({data_result::client_failed, "reset"}, at.out);
    EXPECT_EQ(at.finished(), 426);
    (void)at.replies();
    at.transfer.on_opening({150, {"Here."}}, at.out);
    EXPECT_EQ(at.replies(), "");
    EXPECT_FALSE(at.out.next_action());
}

TEST(RelayTransfer, PastTheGatewayTheBackendsReplyDecides) {
    running at(data_path::direct);
    EXPECT_TRUE(at.transfer.data_running());
    at.transfer.on_opening({150, {"Here."}}, at.out);
    EXPECT_EQ(at.replies(), "150 Here.\r\n");
    EXPECT_EQ(finished_event, at.transfer.on_final_reply({226, {"Done."}}, at.out));
    EXPECT_EQ(at.replies(), "226 Done.\r\n");
    EXPECT_FALSE(at.transfer.data_running());
}

TEST(RelayTransfer, AConnectionInTheKernelThatWasNeverEstablishedIsAFailure) {
    running at(data_path::kernel);
    EXPECT_EQ(std::nullopt, at.transfer.on_data_ended({data_result::client_failed, "reset"}, at.out))
        << "it is the kernel's";
    EXPECT_FALSE(at.transfer.answered());
    EXPECT_EQ(std::nullopt, at.transfer.on_data_ended({data_result::not_established, "No data connection."}, at.out));
    EXPECT_EQ(at.finished(), 425);

    running lost(data_path::kernel);
    EXPECT_EQ(std::nullopt, lost.transfer.on_data_ended({data_result::path_lost, "Gone."}, lost.out));
    EXPECT_EQ(lost.finished(), 426);

    running aborted(data_path::kernel);
    (void)aborted.out.send_command({verb::abor, "ABOR", {}}, reply_kind::relayed);
    EXPECT_EQ(std::nullopt, aborted.transfer.on_data_ended({data_result::not_established, {}}, aborted.out));
    EXPECT_FALSE(aborted.transfer.answered()) << "the reply to ABOR tells the client";
}

TEST(RelayTransfer, OnlyTheKernelsConnectionIsChecked) {
    const auto limit = std::chrono::seconds(30);
    EXPECT_EQ(running().transfer.check_at(limit), std::nullopt);
    EXPECT_EQ(running(data_path::direct).transfer.check_at(limit), std::nullopt);
    running at(data_path::kernel);
    EXPECT_EQ(at.transfer.check_at(limit), start + limit);
    at.transfer.check(start + limit, at.out);
    EXPECT_TRUE(std::holds_alternative<relay_act::check_opening>(*at.out.next_action()));
    EXPECT_EQ(at.transfer.check_at(limit), start + limit + std::chrono::seconds(10)) << "it may be lost later";
}

}  // namespace
}  // namespace sallyport::proto
