#include <sallyport/base/open_file.hpp>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sallyport/base/helper_process.hpp>
#include <sallyport/base/small_file.hpp>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

/// Runs `check` in a process of its own, as another user if this one is root.
template <class Check>
[[nodiscard]] bool without_rights(Check check) {
    const int child = ::fork();
    if (child == 0) {
        if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
        ::_exit(check() ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// Opens another file instead of the one that it permits.
class opener final : public helper_process {
public:
    opener(std::string permitted, std::string instead) : permitted_(std::move(permitted)), instead_(std::move(instead)) {}

    result<unique_fd> open_file(const std::string& path, bool append) override {
        ++asked;
        if (path != permitted_ || append) return fail(errc::permission, path + ": refused");
        unique_fd other(::open(instead_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        if (::pwrite(other.get(), "given", 5, 0) != 5) return fail(errc::io);
        return other;
    }
    result<void> bind_port(int, const endpoint&) override { return fail(errc::misuse); }
    result<void> connect_from_low_port(int, int, const endpoint&) override { return fail(errc::misuse); }

    int asked = 0;

private:
    const std::string permitted_;
    const std::string instead_;
};

/// What the test and its helper tell each other.
struct turns {
    std::promise<void> asked{};
    std::promise<void> reply{};
    bool ended = false;
};

/// Replies when the test permits it.
class slow_opener final : public helper_process {
public:
    explicit slow_opener(turns& test) : test_(test) {}
    ~slow_opener() override { test_.ended = true; }

    result<unique_fd> open_file(const std::string&, bool) override {
        test_.asked.set_value();
        test_.reply.get_future().wait();
        return unique_fd(::open(given_.c_str(), O_RDONLY | O_CLOEXEC));
    }
    result<void> bind_port(int, const endpoint&) override { return fail(errc::misuse); }
    result<void> connect_from_low_port(int, int, const endpoint&) override { return fail(errc::misuse); }

private:
    turns& test_;
    const std::string given_ = "/dev/null";
};

class OpenFile : public testing::Test {
protected:
    OpenFile() {
        fs::create_directories(directory);
        std::ofstream(file) << "secret";
        fs::permissions(file, fs::perms::none);
        fs::permissions(directory, fs::perms::all);
    }
    ~OpenFile() override { fs::remove_all(directory); }

    const fs::path directory = fs::temp_directory_path() / fmt::format("sallyport-open-{}", ::getpid());
    const std::string file = (directory / "key.pem").string();
};

TEST_F(OpenFile, RefusesWhatTheProcessMayNotOpen) {
    EXPECT_TRUE(without_rights([this] {
        const auto text = read_small_file(file);
        return !text && text.error().os == EACCES;
    }));
}

TEST_F(OpenFile, AsksTheHelperOnlyIfItIsNeeded) {
    EXPECT_TRUE(without_rights([this] {
        const auto owned = std::make_shared<opener>(file, (directory / "other").string());
        auto& helper = *owned;
        use_helper_process(owned);
        const auto text = read_small_file(file);
        if (!text || *text != "given" || helper.asked != 1) return false;
        if (read_small_file((directory / "other").string()).value_or("") != "given" || helper.asked != 1) return false;
        const auto missing = read_small_file((directory / "missing").string());
        if (missing || missing.error().os != ENOENT || helper.asked != 1) return false;
        const auto appended = open_file(file, O_WRONLY | O_APPEND);
        return !appended && appended.error().what == file + ": refused" && helper.asked == 2;
    }));
}

// The thread of a log may reopen its file while the command that owns the helper ends.
TEST_F(OpenFile, KeepsTheHelperUntilItHasReplied) {
    EXPECT_TRUE(without_rights([this] {
        turns test;
        auto owned = std::make_shared<slow_opener>(test);
        use_helper_process(owned);
        auto opened = std::async(std::launch::async, [this] { return open_file(file, O_RDONLY | O_CLOEXEC).has_value(); });
        test.asked.get_future().wait();
        owned.reset();
        const bool kept = !test.ended;
        test.reply.set_value();
        return kept && opened.get() && test.ended && open_file(file, O_RDONLY | O_CLOEXEC).error().os == EACCES;
    }));
}

}  // namespace
}  // namespace sallyport
