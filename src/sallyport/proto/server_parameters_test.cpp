#include <sallyport/proto/server_parameters.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

class server_parameters_test : public ::testing::Test {
protected:
    [[nodiscard]] static command line(std::string_view text) { return parse_command(text).value(); }
    [[nodiscard]] auto transfer(std::string_view text) { return parameters.file_transfer(line(text), virtual_path()); }

    server_parameters parameters;
};

TEST_F(server_parameters_test, refused_commands_leave_type_and_mode_unchanged) {
    EXPECT_EQ(parameters.type(), data_type::ascii);
    EXPECT_EQ(parameters.set_type(line("TYPE L8")).code, 200);
    EXPECT_EQ(parameters.set_type(line("TYPE E")).code, 504);
    EXPECT_EQ(parameters.type(), data_type::image);
    EXPECT_EQ(parameters.set_mode(line("MODE b")).code, 200);
    EXPECT_EQ(parameters.set_mode(line("MODE C")).code, 504);
    EXPECT_EQ(parameters.mode(), transfer_mode::block);
    EXPECT_EQ(server_parameters::set_structure(line("STRU F")).code, 200);
    EXPECT_EQ(server_parameters::set_structure(line("STRU R")).code, 504);
}

TEST_F(server_parameters_test, rest_and_allo_are_for_one_transfer) {
    (void)parameters.set_type(line("TYPE I"));
    EXPECT_EQ(parameters.set_offset(line("REST 100")).code, 350);
    EXPECT_EQ(parameters.set_allocation(line("ALLO 1024 R 80")).code, 200);
    const auto first = transfer("STOR /d/f");
    ASSERT_TRUE(first);
    EXPECT_EQ(first->path.text(), "/d/f");
    EXPECT_EQ(first->offset, 100U);
    EXPECT_EQ(first->announced, 1024U);
    const auto second = transfer("STOR f");
    ASSERT_TRUE(second);
    EXPECT_EQ(second->offset, 0U);
    EXPECT_FALSE(second->announced);
}

// FS-08
TEST_F(server_parameters_test, rest_is_refused_for_some_transfers) {
    EXPECT_EQ(parameters.set_offset(line("REST 5")).code, 504);
    EXPECT_EQ(parameters.set_offset(line("REST 0")).code, 350);
    (void)parameters.set_type(line("TYPE I"));
    (void)parameters.set_offset(line("REST 5"));
    EXPECT_EQ(transfer("APPE f").error(), (reply{503, {"REST cannot be used with APPE."}}));
    EXPECT_EQ(transfer("RETR f")->offset, 0U) << "the refused command has reset it";
    (void)parameters.set_offset(line("REST 5"));
    (void)parameters.set_type(line("TYPE A"));
    EXPECT_EQ(transfer("RETR f").error().code, 504);
    (void)parameters.set_type(line("TYPE I"));
    (void)parameters.set_offset(line("REST 5"));
    EXPECT_EQ(parameters.release_range(), (byte_range{.begin = 5}));
    EXPECT_EQ(transfer("RETR f")->offset, 0U);
}

TEST_F(server_parameters_test, a_range_is_for_one_download) {
    EXPECT_EQ(parameters.set_range(line("RANG 0 9")).code, 504) << "TYPE A has no offsets";
    EXPECT_EQ(parameters.set_range(line("RANG 1 0")).code, 350);
    (void)parameters.set_type(line("TYPE I"));
    EXPECT_EQ(parameters.set_range(line("RANG 5 9")).text(), "Restarting at 5, up to 9. Send RETR or HASH.");
    const auto part = transfer("RETR f");
    EXPECT_EQ(part->offset, 5U);
    EXPECT_EQ(part->end, 10U);
    EXPECT_EQ(transfer("RETR f")->end, UINT64_MAX);
    for (const auto* upload : {"STOR f", "APPE f", "STOU f"}) {
        (void)parameters.set_range(line("RANG 0 9"));
        EXPECT_EQ(transfer(upload).error().code, 503) << upload;
        EXPECT_TRUE(transfer(upload)) << upload;
    }
    (void)parameters.set_range(line("RANG 5 9"));
    (void)parameters.set_offset(line("REST 3"));
    EXPECT_EQ(parameters.release_range(), (byte_range{.begin = 3})) << "REST replaces it";
    EXPECT_EQ(parameters.set_range(line("RANG 9 5")).code, 501);
}

TEST_F(server_parameters_test, allo_accepts_at_most_two_numbers) {
    for (const auto* good : {"ALLO 1", "ALLO 1 r 2"}) EXPECT_EQ(parameters.set_allocation(line(good)).code, 200) << good;
    for (const auto* bad : {"ALLO x", "ALLO 1 2", "ALLO 1 R", "ALLO 1 R x"})
        EXPECT_EQ(parameters.set_allocation(line(bad)).code, 501) << bad;
}

TEST_F(server_parameters_test, an_invalid_name_starts_no_transfer) {
    const std::string name(300, 'n');
    EXPECT_EQ(transfer("RETR " + name).error().code, 550);
    EXPECT_EQ(transfer("STOR " + name).error().code, 553);
}

}  // namespace
}  // namespace sallyport::proto
