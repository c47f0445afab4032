#include <sallyport/vfs/test_directory.hpp>
#include <support/faulty_filesystem.hpp>
#include <support/memory_filesystem.hpp>

#include <thread>

#include <gtest/gtest.h>

namespace sallyport::vfs {
namespace {

class faulty : public testing::Test {
protected:
    std::shared_ptr<filesystem> real_ = make_memory_filesystem();
    std::shared_ptr<fault_plan> plan_ = std::make_shared<fault_plan>();
    std::shared_ptr<filesystem> files_ = make_faulty_filesystem(real_, plan_);
};

TEST_F(faulty, is_the_real_one_without_a_plan) {
    put_file(*files_, "/f", "content");
    EXPECT_EQ(get_file(*files_, "/f"), "content");
    ASSERT_TRUE(files_->make_directory(at("/d")));
    EXPECT_TRUE(files_->open_directory(at("/d")));
    EXPECT_EQ(get_file(*real_, "/f"), "content");
    EXPECT_EQ(plan_->calls(operation::open_directory), 1U);
    EXPECT_EQ(plan_->calls(operation::stat), 0U);
}

// DU-04
TEST_F(faulty, fails_the_chosen_write_and_leaves_the_old_file) {
    put_file(*files_, "/f", "old");
    plan_->fail_at(operation::write, 3, errc::no_space);
    auto upload = files_->open_store(at("/f"), store_mode::replace, 0, may_block::yes);
    ASSERT_TRUE(upload);
    EXPECT_TRUE((*upload)->write(std::string_view("1")));
    EXPECT_TRUE((*upload)->write(std::string_view("2")));
    EXPECT_EQ((*upload)->write(std::string_view("3")).error().code, errc::no_space);
    upload->reset();
    EXPECT_EQ(get_file(*files_, "/f"), "old");
}

// DU-01
TEST_F(faulty, fails_the_commit_and_publishes_nothing) {
    plan_->fail_at(operation::commit, 1, errc::io);
    auto upload = files_->open_store(at("/f"), store_mode::replace, 0, may_block::yes);
    ASSERT_TRUE(upload);
    EXPECT_EQ((*upload)->commit().error().code, errc::io);
    EXPECT_EQ(files_->stat(at("/f"), may_block::yes).error().code, errc::not_found);
}

TEST_F(faulty, a_hung_disk_blocks_calls_that_may_wait_and_fails_the_others) {
    put_file(*files_, "/f", "content");
    plan_->hang(operation::open_read);
    EXPECT_EQ(files_->open_read(at("/f"), may_block::no).error().code, errc::busy);
    bool opened = false;
    std::thread waiting([&] { opened = files_->open_read(at("/f"), may_block::yes).has_value(); });
    plan_->wait_until_hanging(1);
    plan_->release();
    waiting.join();
    EXPECT_TRUE(opened);
}

}  // namespace
}  // namespace sallyport::vfs
