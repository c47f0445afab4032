#include <sallyport/proto/failure_reply.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

int code(errc cause, verb command, data_stage stage = data_stage::not_connected) {
    return reply_for(error{cause, 0, {}}, command, stage).code;
}

TEST(failure_reply, disk_faults_have_the_codes_of_threats_section_1) {
    EXPECT_EQ(code(errc::no_space, verb::stor), 452);
    EXPECT_EQ(code(errc::quota, verb::stor), 552);
    EXPECT_EQ(code(errc::io, verb::stor), 451);
    EXPECT_EQ(code(errc::out_of_range, verb::retr), 554);
}

TEST(failure_reply, a_missing_data_connection_is_425_and_a_broken_one_426) {
    for (const errc cause :
         {errc::timeout, errc::refused, errc::reset, errc::closed, errc::tls, errc::cancelled, errc::port_refused}) {
        EXPECT_EQ(code(cause, verb::retr, data_stage::not_connected), 425) << name(cause);
        EXPECT_EQ(code(cause, verb::retr, data_stage::connected), 426) << name(cause);
    }
    EXPECT_EQ(code(errc::truncated, verb::stor, data_stage::connected), 426);
    EXPECT_EQ(code(errc::tls_not_resumed, verb::retr, data_stage::connected), 522);
}

TEST(failure_reply, names_that_cannot_be_made_are_553_and_names_that_cannot_be_read_550) {
    EXPECT_EQ(code(errc::name_invalid, verb::stor), 553);
    EXPECT_EQ(code(errc::name_invalid, verb::retr), 550);
    EXPECT_EQ(code(errc::not_found, verb::retr), 550);
    EXPECT_EQ(code(errc::exists, verb::mkd), 550);
    EXPECT_EQ(code(errc::permission, verb::stor), 550);
}

TEST(failure_reply, text_names_object_and_cause) {
    const local_reply got = reply_for(error{errc::not_found, 0, "/pub/x"}, verb::retr);
    EXPECT_EQ(got.text, "/pub/x: no such file or directory.");
}

}  // namespace
}  // namespace sallyport::proto
