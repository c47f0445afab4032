// Uploads: which are refused before the client sends data, and which are stored.

#include <sallyport/server/server_test.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/test_directory.hpp>
#include <support/faulty_filesystem.hpp>
#include <support/forwarding_filesystem.hpp>

namespace sallyport::server {
namespace {

/// In memory, on a disk, and on a disk with cold caches, where every operation must wait.
enum class storage : std::uint8_t { memory, disk, cold_disk };

class cold_filesystem final : public vfs::forwarding_filesystem {
public:
    using forwarding_filesystem::forwarding_filesystem;
    result<vfs::status> stat(const virtual_path& path, vfs::may_block wait) override {
        if (wait == vfs::may_block::no) return fail(errc::busy);
        return forwarding_filesystem::stat(path, wait);
    }
    result<std::unique_ptr<vfs::read_file>> open_read(const virtual_path& path, vfs::may_block wait) override {
        if (wait == vfs::may_block::no) return fail(errc::busy);
        return forwarding_filesystem::open_read(path, wait);
    }
    result<std::unique_ptr<vfs::store_file>> open_store(const virtual_path& path, vfs::store_mode mode, std::uint64_t offset,
                                                        vfs::may_block wait) override {
        if (wait == vfs::may_block::no) return fail(errc::busy);
        return forwarding_filesystem::open_store(path, mode, offset, wait);
    }
};

class upload_refused : public server_test, public ::testing::WithParamInterface<storage> {
protected:
    upload_refused() {
        if (GetParam() != storage::memory) setup.files = vfs::open_posix_filesystem(root_.path(), {}).value();
        EXPECT_TRUE(setup.files->make_directory(vfs::at("/d")));
        vfs::put_file(*setup.files, "/f", "old");
        if (GetParam() == storage::cold_disk) setup.files = std::make_shared<cold_filesystem>(setup.files);
    }
    vfs::test_directory root_;
};

TEST_P(upload_refused, before_150_if_it_can_not_be_stored) {  // FS-04
    start();
    auto c = logged_in();
    const struct {
        const char* name;
        const char* code;
    } rows[] = {{"none/f", "550 "}, {"d", "553 "}, {"/", "553 "}, {"f/x", "550 "}};
    for (const char* verb : {"STOR", "APPE", "REST 1\r\nSTOR"}) {
        for (const auto& row : rows) {
            const blocking_socket data = c.passive();
            c.control.send(fmt::format("{} {}\r\n", verb, row.name));
            std::string answer = c.reply();
            if (answer.starts_with("350 ")) answer = c.reply();
            EXPECT_TRUE(answer.starts_with(row.code)) << verb << ' ' << row.name << ": " << answer;
        }
    }
    const blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("STOU none/f").starts_with("550 "));
    EXPECT_EQ(counters.bytes_received.load(), 0U);
    EXPECT_EQ(c.ask("NOOP"), "200 OK.");
    EXPECT_EQ(vfs::get_file(*setup.files, "/f"), "old");
}

TEST_P(upload_refused, before_150_and_so_are_downloads_and_listings) {
    start();
    auto c = logged_in();
    for (const char* line : {"RETR none", "RETR none/f", "RETR d", "RETR f/x", "LIST none", "NLST none", "MLSD none"}) {
        const blocking_socket data = c.passive();
        EXPECT_EQ(c.code(line), "550") << line;
    }
}

TEST_P(upload_refused, not_if_it_can_be_stored) {
    start();
    auto c = logged_in();
    EXPECT_TRUE(c.upload("STOR d/new", "x").starts_with("226 "));
    EXPECT_TRUE(c.upload("APPE f", "er").starts_with("226 "));
    EXPECT_EQ(vfs::get_file(*setup.files, "/f"), "older");
    EXPECT_TRUE(c.upload("STOU d", "x").starts_with("226 "));
}

std::string name_of(const ::testing::TestParamInfo<storage>& instance) {
    switch (instance.param) {
        case storage::memory: return "memory";
        case storage::disk: return "disk";
        case storage::cold_disk: return "cold_disk";
    }
    return "unknown";
}

INSTANTIATE_TEST_SUITE_P(each, upload_refused, ::testing::Values(storage::memory, storage::disk, storage::cold_disk),
                         name_of);

// DU-03: an upload counts if its data ended before the control connection did. Small ones arrive in one block, others are
// written by the disk's threads; in TYPE A as well.
class upload_counts : public server_test, public ::testing::WithParamInterface<bool> {
protected:
    void SetUp() override {
        if (GetParam()) use_tls();
        start();
        c = client();
        EXPECT_TRUE(c.reply().starts_with("220 "));
        if (GetParam()) c.start_tls();
        c.send_password();
    }
    [[nodiscard]] bool is_stored(const char* path) const {
        return setup.files->stat(vfs::at(path), vfs::may_block::yes).has_value();
    }
    [[nodiscard]] blocking_socket start_upload(const std::string& command) {
        blocking_socket data = c.passive();
        EXPECT_TRUE(c.ask(command).starts_with("150 "));
        EXPECT_TRUE(!GetParam() || data.connect_tls(&c.control));
        return data;
    }

    ftp_client c;
};

TEST_P(upload_counts, not_if_the_control_connection_ended_first) {
    vfs::put_file(*setup.files, "/f", "old");
    for (const std::size_t size : {0UL, 10UL, 300'000UL}) {
        auto data = start_upload("STOR f");
        data.send(std::string(size / 2, 'x'));
        c.control.send("NOOP\r\nSIZE f\r\n");
        c.control.finish();
        data.send(std::string(size - size / 2, 'x'));
        data.finish();
        const std::string answer = c.reply();
        EXPECT_TRUE(answer.starts_with("426 ")) << answer;
        EXPECT_NE(answer.find("othing was stored"), std::string::npos) << answer;
        EXPECT_TRUE(c.reply().starts_with("200 "));
        EXPECT_EQ(c.reply(), "213 3");
        EXPECT_EQ(c.reply(), "221 Goodbye.");
        EXPECT_EQ(c.reply(), "");
        EXPECT_EQ(vfs::get_file(*setup.files, "/f"), "old");
        c = client();
        EXPECT_TRUE(c.reply().starts_with("220 "));
        c.protect_data = false;
        if (GetParam()) c.start_tls();
        c.send_password();
    }
}

TEST_P(upload_counts, not_after_quit_either) {
    auto data = start_upload("APPE f");
    c.control.send("QUIT\r\n");
    c.control.finish();
    data.send("late");
    data.finish();
    EXPECT_TRUE(c.reply().starts_with("426 "));
    EXPECT_TRUE(c.reply().starts_with("221 "));
    EXPECT_FALSE(is_stored("/f"));
}

TEST_P(upload_counts, not_if_the_control_connection_was_reset) {
    auto data = start_upload("STOR f");
    data.send("some");
    c.control.reset();
    data.finish();
    EXPECT_TRUE(eventually([&] { return counters.sessions_open.load() == 0 && counters.transfers_running.load() == 0; }));
    EXPECT_FALSE(is_stored("/f"));
}

TEST_P(upload_counts, if_the_data_ended_first) {
    auto data = start_upload("STOR f");
    data.send("all");
    data.finish();
    EXPECT_TRUE(c.reply().starts_with("226 "));
    c.control.finish();
    EXPECT_EQ(c.reply(), "221 Goodbye.");
    EXPECT_EQ(vfs::get_file(*setup.files, "/f"), "all");
}

TEST_P(upload_counts, other_commands_are_served_after_the_end_of_input) {
    vfs::put_file(*setup.files, "/big", std::string(3'000'000, 'b'));
    auto data = start_upload("RETR big");
    c.control.send("MKD made\r\nPWD\r\n");
    c.control.finish();
    EXPECT_EQ(data.read_to_end().size(), 3'000'000U);
    EXPECT_TRUE(c.reply().starts_with("226 "));
    EXPECT_TRUE(c.reply().starts_with("257 "));
    EXPECT_TRUE(c.reply().starts_with("257 "));
    EXPECT_EQ(c.reply(), "221 Goodbye.");
    EXPECT_TRUE(is_stored("/made"));
}

INSTANTIATE_TEST_SUITE_P(each, upload_counts, ::testing::Bool(),
                         [](const auto& instance) { return std::string(instance.param ? "tls" : "plain"); });

TEST_F(server_test, a_commit_in_progress_completes_after_the_client_disconnects) {
    const auto plan = std::make_shared<vfs::fault_plan>();
    setup.files = vfs::make_faulty_filesystem(setup.files, plan);
    start();
    auto c = logged_in();
    plan->hang(vfs::operation::commit);
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    data.send("x");
    data.finish();
    plan->wait_until_hanging(1);
    c.control.finish();
    EXPECT_TRUE(eventually([&] { return counters.sessions_open.load() == 1; }));
    plan->release();
    EXPECT_TRUE(c.reply().starts_with("226 "));
    EXPECT_EQ(vfs::get_file(*setup.files, "/f"), "x");
}

/// Sends a byte every 50 ms for `duration` and returns the server's reply.
std::string trickle(ftp_client& c, blocking_socket& data, std::chrono::milliseconds duration) {
    const auto until = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < until) {
        data.send("x");
        std::this_thread::sleep_for(50ms);  // the passing of time is what is tested
    }
    data.finish();
    return c.reply();
}

TEST_F(server_test, a_trickle_is_no_progress) {  // DC-05
    setup.stall_timeout = 1s;
    setup.stall_rate = 100;
    start();
    auto c = logged_in();
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    EXPECT_EQ(trickle(c, data, 2s), "426 Transfer aborted: fewer than 100 bytes per second for 1 s.");
    EXPECT_FALSE(setup.files->stat(vfs::at("/f"), vfs::may_block::yes));
    EXPECT_EQ(c.ask("NOOP"), "200 OK.");
}

TEST_F(server_test, any_byte_is_progress_if_configured) {
    setup.stall_timeout = 1s;
    setup.stall_rate = 0;
    start();
    auto c = logged_in();
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    EXPECT_TRUE(trickle(c, data, 2s).starts_with("226 "));
}

}  // namespace
}  // namespace sallyport::server
