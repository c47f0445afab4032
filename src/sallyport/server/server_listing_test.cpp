// Listings that are longer than one block, over real connections.

#include <sallyport/server/server_test.hpp>

#include <algorithm>
#include <set>
#include <sstream>

#include <sallyport/base/limits.hpp>
#include <sallyport/server/endless_test.hpp>
#include <support/faulty_filesystem.hpp>

namespace sallyport::server {
namespace {

class listing_test : public server_test {
protected:
    listing_test() { setup.files = vfs::make_faulty_filesystem(setup.files, plan_); }
    void SetUp() override {
        start();
        c = logged_in();
    }
    void fill(int entries) {
        for (int i = 0; i < entries; ++i) vfs::put_file(*setup.files, fmt::format("/{}", i), "x");
    }
    /// Starts a listing whose data connection is open and whose readers hang in the directory after its first entries.
    [[nodiscard]] blocking_socket start_hanging_listing(const char* command) {
        const std::uint16_t port = c.passive_port();
        c.control.send(fmt::format("{}\r\n", command));
        const std::size_t first = limits::max_sorted_entries / vfs::directory::batch + 1;
        EXPECT_TRUE(eventually([&] { return plan_->calls(vfs::operation::list) == first; }));
        plan_->hang(vfs::operation::list);
        auto data = blocking_socket::connect(port);
        // The client has received nothing, so one block is read ahead.
        plan_->wait_until_hanging(1);
        return data;
    }
    [[nodiscard]] bool everything_is_freed() const {
        return eventually([&] { return counters.sessions_open.load() == 0 && counters.transfers_running.load() == 0; });
    }

    std::shared_ptr<vfs::fault_plan> plan_ = std::make_shared<vfs::fault_plan>();
    ftp_client c;
};

TEST_F(listing_test, is_complete) {  // FS-03
    fill(30'000);
    for (const char* command : {"MLSD", "LIST"}) {
        std::istringstream listed(c.download(command));
        std::set<std::string> names;
        std::size_t lines = 0;
        for (std::string line; std::getline(listed, line); ++lines) names.insert(line.substr(line.rfind(' ') + 1));
        EXPECT_EQ(lines, 30'000U) << command;
        EXPECT_EQ(names.size(), 30'000U) << command;
    }
}

TEST_F(listing_test, a_client_that_vanishes_frees_everything) {  // I2
    fill(100'000);
    blocking_socket data = c.passive();
    EXPECT_EQ(c.code("MLSD"), "150");
    EXPECT_FALSE(data.receive().empty());
    data.reset();
    EXPECT_TRUE(c.reply().starts_with("426 "));
    EXPECT_EQ(c.code("NOOP"), "200");
    data = c.passive();
    EXPECT_EQ(c.code("LIST"), "150");
    c.control.reset();
    EXPECT_TRUE(everything_is_freed());
}

TEST_F(listing_test, a_client_that_vanishes_while_the_disk_hangs_frees_everything) {  // FS-05
    fill(20'000);
    const blocking_socket data = start_hanging_listing("LIST");
    c.control.reset();
    plan_->release();
    EXPECT_TRUE(everything_is_freed());
}

// FS-03: nothing is sent, so no error shows that the client has disconnected, and the reading must be stopped nevertheless.
TEST_F(listing_test, a_client_that_vanishes_while_nothing_matches_stops_the_reading) {
    fill(50'000);
    const blocking_socket data = start_hanging_listing("LIST *nothing");
    c.control.reset();
    EXPECT_TRUE(eventually([&] { return counters.transfers_failed.load() == 1; }));
    const std::size_t calls = plan_->calls(vfs::operation::list);
    plan_->release();
    EXPECT_TRUE(everything_is_freed());
    EXPECT_LE(plan_->calls(vfs::operation::list), calls + limits::listing_readers);
}

TEST_F(listing_test, stat_accepts_names_and_patterns_as_list_does) {
    fill(10'000);
    vfs::put_file(*setup.files, "/[7]", "x");
    const auto lines = [this](const char* command) {
        const std::string reply = c.ask(command);
        return std::count(reply.begin(), reply.end(), '\n') - 1;
    };
    EXPECT_EQ(lines("STAT [7]"), 1);
    EXPECT_EQ(lines("STAT [78]"), 2);
    EXPECT_EQ(lines("STAT -la 123*"), 11);
    EXPECT_EQ(lines("STAT *nothing"), 0);
    // One of the lines says that there are more.
    EXPECT_EQ(lines("STAT /"), 1001);
    EXPECT_EQ(lines("STAT *"), 1001);
}

TEST_F(listing_test, a_read_error_on_the_way_is_no_success) {  // DU-04
    fill(20'000);
    // After the names that are read to see whether they can be sorted, and after the first block.
    plan_->fail_at(vfs::operation::list, limits::max_sorted_entries / vfs::directory::batch + 20, errc::io);
    blocking_socket data = c.passive();
    EXPECT_EQ(c.code("LIST"), "150");
    EXPECT_FALSE(data.read_to_end().empty());
    EXPECT_TRUE(data.was_reset());
    EXPECT_TRUE(c.reply().starts_with("451 "));
}

// RX-05: the listing of a client that left ends with the step that runs.
TEST_F(listing_test, stat_of_a_client_that_left_is_not_continued) {
    fill(4 * limits::max_sorted_entries);
    plan_->hang(vfs::operation::list);
    c.control.send("STAT nothing*\r\n");
    plan_->wait_until_hanging(1);
    c.control.reset();
    // The passing of time is what is tested.
    std::this_thread::sleep_for(500ms);
    plan_->release();
    EXPECT_TRUE(everything_is_freed());
    EXPECT_LE(plan_->calls(vfs::operation::list), 1U);
}

class endless_listing_test : public server_test {
    void SetUp() override {
        setup.files = std::make_shared<endless_filesystem>(setup.files);
        start();
    }
};

// FS-03: more listings than threads, none of which finds a line or ends.
TEST_F(endless_listing_test, other_sessions_are_served_during_endless_listings) {
    std::vector<ftp_client> busy;
    std::vector<blocking_socket> data;
    for (int i = 0; i < 8; ++i) {
        busy.push_back(logged_in());
        data.push_back(busy.back().passive());
        EXPECT_EQ(busy.back().code("LIST nothing*"), "150");
    }
    ftp_client other = logged_in();
    EXPECT_TRUE(other.upload("STOR f", "content").starts_with("226 "));
    EXPECT_EQ(other.download("RETR f"), "content");
    EXPECT_TRUE(busy.front().ask("ABOR").starts_with("426 "));
    EXPECT_TRUE(busy.front().reply().starts_with("226 "));
    EXPECT_EQ(busy.front().code("NOOP"), "200");
    for (ftp_client& one : busy) one.control.reset();
    EXPECT_TRUE(eventually([&] { return counters.sessions_open.load() == 1 && counters.transfers_running.load() == 0; }));
    const std::string reply = other.ask("STAT nothing*");
    EXPECT_TRUE(reply.starts_with("213-")) << reply;
    EXPECT_NE(reply.find("and more"), std::string::npos) << reply;
}

}  // namespace
}  // namespace sallyport::server
