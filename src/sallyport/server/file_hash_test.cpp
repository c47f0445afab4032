// HASH, XCRC and their like, over real connections.

#include <sallyport/server/server_test.hpp>

#include <algorithm>
#include <atomic>

#include <support/forwarding_filesystem.hpp>

namespace sallyport::server {
namespace {

/// Files that never end: "/endless" is read until the reader gives up its time slice or is cancelled.
class endless_file final : public vfs::read_file {
public:
    explicit endless_file(std::atomic<std::size_t>& reads) : reads_(reads) {}
    const vfs::status& facts() const noexcept override { return facts_; }
    int descriptor() const noexcept override { return -1; }
    result<std::size_t> read_at(std::uint64_t, std::span<char> into, vfs::may_block) override {
        ++reads_;
        std::ranges::fill(into, 'x');
        return into.size();
    }
    bool resident(std::uint64_t, std::uint64_t) override { return true; }
    result<void> load(std::uint64_t, std::uint64_t) override { return {}; }

private:
    vfs::status facts_{.size = std::uint64_t{1} << 50U};
    std::atomic<std::size_t>& reads_;
};

class long_files final : public vfs::forwarding_filesystem {
public:
    long_files(std::shared_ptr<vfs::filesystem> real, std::atomic<std::size_t>& reads)
        : forwarding_filesystem(std::move(real)), reads_(reads) {}

    result<std::unique_ptr<vfs::read_file>> open_read(const virtual_path& path, vfs::may_block wait) override {
        if (path.text() == "/endless") return std::make_unique<endless_file>(reads_);
        return forwarding_filesystem::open_read(path, wait);
    }

private:
    std::atomic<std::size_t>& reads_;
};

class hash_test : public server_test {
protected:
    hash_test() { setup.files = std::make_shared<long_files>(setup.files, reads); }
    void SetUp() override {
        vfs::put_file(*setup.files, "/f", "abcdef");
        vfs::put_file(*setup.files, "/f 1 2", "abc");
        vfs::put_file(*setup.files, "/empty", "");
        start();
        c = logged_in();
    }

    std::atomic<std::size_t> reads = 0;
    ftp_client c;
};

TEST_F(hash_test, of_the_whole_file_or_of_a_part) {
    EXPECT_EQ(c.ask("HASH f 1 2"),
              "213 SHA-256 0-2 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad /f 1 2");
    EXPECT_EQ(c.code("TYPE I"), "200");
    EXPECT_EQ(c.code("RANG 0 2"), "350");
    EXPECT_EQ(c.ask("HASH f"), "213 SHA-256 0-2 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad /f");
    EXPECT_EQ(c.ask("XCRC f 0 3"), "250 352441c2");
    EXPECT_EQ(c.ask("XCRC f 1 2"), "250 352441c2") << "a name that another file has";
    EXPECT_EQ(c.ask("XCRC \"f\" 0 3"), "250 352441c2");
    EXPECT_EQ(c.ask("XMD5 \"f 1 2\""), "250 900150983cd24fb0d6963f7d28e17f72");
    EXPECT_EQ(c.ask("XCRC f 6"), "250 00000000");
    EXPECT_EQ(c.code("XCRC f 7"), "554");
    EXPECT_EQ(c.ask("XCRC f 0 9999"), c.ask("XCRC f"));
    EXPECT_EQ(c.ask("OPTS HASH CRC32"), "200 CRC32");
    EXPECT_EQ(c.ask("HASH empty"), "213 CRC32 0-0 00000000 /empty");
    EXPECT_EQ(c.code("HASH /"), "550");
    EXPECT_EQ(c.code("XSHA1 none"), "550");
}

TEST_F(hash_test, RANG_limits_a_download) {
    EXPECT_EQ(c.code("TYPE I"), "200");
    EXPECT_EQ(c.code("RANG 1 3"), "350");
    EXPECT_EQ(c.download("RETR f"), "bcd");
    EXPECT_EQ(c.download("RETR f"), "abcdef") << "it is for one command";
    EXPECT_EQ(c.code("RANG 4 99"), "350");
    EXPECT_EQ(c.download("RETR f"), "ef");
}

// RX-06
TEST_F(hash_test, others_are_served_meanwhile_and_it_ends_with_its_client) {
    c.control.send("XSHA512 endless\r\n");
    ASSERT_TRUE(eventually([&] { return reads > 100; }));
    auto other = logged_in();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(other.code("XCRC f"), "250");
    c.control.reset();
    EXPECT_TRUE(eventually([&] { return counters.sessions_open.load() == 1; }));
    const std::size_t before = reads;
    EXPECT_EQ(other.code("XCRC f"), "250");
    EXPECT_EQ(reads, before);
}

}  // namespace
}  // namespace sallyport::server
