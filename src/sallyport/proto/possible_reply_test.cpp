#include <sallyport/proto/possible_reply.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

using enum reply_fit;

TEST(possible_reply, codes_of_one_service_belong_to_its_commands_alone) {
    struct row {
        int code;
        verb whose;
    };
    for (const auto [code, whose] :
         {row{211, verb::feat}, row{213, verb::size}, row{215, verb::syst}, row{221, verb::quit}, row{225, verb::abor},
          row{226, verb::abor}, row{227, verb::pasv}, row{229, verb::epsv}, row{230, verb::pass}, row{232, verb::user},
          row{234, verb::auth}, row{250, verb::cwd}, row{257, verb::pwd}, row{331, verb::user}, row{332, verb::pass},
          row{350, verb::rest}}) {
        EXPECT_EQ(fit_of(whose, code, false), usual) << code;
        for (const auto other : {verb::type, verb::pbsz, verb::prot, verb::noop, verb::port, verb::mode})
            EXPECT_EQ(fit_of(other, code, false), impossible) << code;
    }
}

TEST(possible_reply, site_can_answer_with_a_status_or_a_help) {
    for (const int code : {200, 211, 214, 250}) EXPECT_EQ(fit_of(verb::site, code, false), usual) << code;
    EXPECT_EQ(fit_of(verb::site, 227, false), impossible);
}

TEST(possible_reply, a_refusal_and_200_can_answer_any_command) {
    for (const auto& row : command_table()) {
        for (const int code : {425, 500, 502, 530, 550}) EXPECT_EQ(fit_of(row.id, code, false), usual) << row.name << code;
        const bool can_be_done = !is_transfer(row.id) && row.id != verb::abor && row.id != verb::auth;
        EXPECT_EQ(fit_of(row.id, 200, false), can_be_done ? usual : impossible) << row.name;
        EXPECT_EQ(fit_of(row.id, 150, false), is_transfer(row.id) ? usual : impossible) << row.name;
    }
}

TEST(possible_reply, the_greeting) {
    for (const int code : {120, 220, 421, 500, 530, 554}) EXPECT_EQ(fit_of(std::nullopt, code, false), usual) << code;
    for (const int code : {110, 150, 200, 226, 230, 331, 350}) EXPECT_EQ(fit_of(std::nullopt, code, false), impossible);
}

TEST(possible_reply, a_transfer_is_started_finished_or_refused) {
    for (const auto command : {verb::retr, verb::stor, verb::appe, verb::list, verb::nlst, verb::mlsd}) {
        for (const int code : {110, 125, 150, 226, 250, 425, 426, 450, 451, 452, 550, 552, 553}) {
            EXPECT_EQ(fit_of(command, code, true), usual) << code;
            EXPECT_EQ(fit_of(command, code, false), usual) << code;
        }
        // Codes of PORT, TYPE and others; no transfer has started.
        for (const int code : {200, 202, 213, 220, 227, 229, 230, 257, 331, 350})
            EXPECT_EQ(fit_of(command, code, false), impossible) << code;
        // The reply to NOOP, if one is pending; otherwise some servers end a transfer with it.
        for (const int code : {200, 225, 500, 502, 530}) EXPECT_EQ(fit_of(command, code, true), possible) << code;
        for (const int code : {211, 213, 227, 229, 230, 331, 350})
            EXPECT_EQ(fit_of(command, code, true), impossible) << code;
    }
}

}  // namespace
}  // namespace sallyport::proto
