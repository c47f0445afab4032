#include <sallyport/helper/pam_client.hpp>

#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <support/eventually.hpp>

namespace sallyport::helper {
namespace {

using namespace std::chrono_literals;

/// What PAM does, by the name of the user.
pam_reply pretend(pam_request& request) {
    const auto user = text_in(request.user).value();
    if (user == "hang") {
        for (;;) ::pause();
    }
    if (user == "killed") ::kill(::getpid(), SIGKILL);
    if (user == "ended") ::_exit(3);
    if (user == "unknown") return make_pam_reply(pam_verdict::refused, "from " + text_in(request.address).value());
    if (user == "offline") return make_pam_reply(pam_verdict::unavailable, "no answer");
    auto out = make_pam_reply(pam_verdict::accepted, {});
    EXPECT_TRUE(put_text("/srv/" + user + "/" + text_in(request.password).value(), out.home));
    return out;
}

/// Processes of this name whose parent is that process.
std::vector<int> children_of(int parent, const std::string& name) {
    std::vector<int> out;
    std::ifstream in("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
    for (int pid = 0; in >> pid;) {
        std::string found;
        std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), found);
        if (found == name) out.push_back(pid);
    }
    return out;
}

/// It sets its name once it runs.
int pam_process() {
    std::vector<int> found;
    EXPECT_TRUE(testing::eventually([&found] {
        found = children_of(::getpid(), "pam");
        return !found.empty();
    }));
    return found.empty() ? -1 : found[0];
}

class PamClient : public testing::Test {
protected:
    void start(pam_limits limits = {}) { pam = pam_client::start(pretend, limits).value(); }
    [[nodiscard]] result<unique_fd> ask(const std::string& user, const std::string& password = "secret") const {
        return pam->ask(user, password, *ip_address::parse("192.0.2.1"));
    }
    /// The home directory, or the name and the text of the error.
    [[nodiscard]] static std::string outcome(const result<unique_fd>& asked) {
        if (!asked) return std::string(name(asked.error().code)) + ": " + asked.error().what;
        pollfd one{asked->get(), POLLIN, 0};
        if (::poll(&one, 1, 10'000) != 1) return "no reply";
        const auto home = pam_client::outcome(asked->get());
        return home ? *home : std::string(name(home.error().code)) + ": " + home.error().what;
    }
    [[nodiscard]] std::string check(const std::string& user, const std::string& password = "secret") const {
        return outcome(ask(user, password));
    }

    std::shared_ptr<pam_client> pam;
};

TEST_F(PamClient, ReturnsWhatTheCheckFinds) {
    start();
    EXPECT_EQ(check("amy"), "/srv/amy/secret");
    EXPECT_EQ(check("unknown"), "login_refused: from 192.0.2.1");
    EXPECT_EQ(check("offline"), "busy: no answer");
}

TEST_F(PamClient, ACheckThatDiesIsNoRefusal) {
    start();
    EXPECT_EQ(check("killed"), "busy: the process that asked PAM was ended by signal 9");
    EXPECT_EQ(check("ended"), "busy: the process that asked PAM ended with exit code 3");
    EXPECT_EQ(check("amy"), "/srv/amy/secret");
}

TEST_F(PamClient, ACheckThatHangsIsEndedAndDelaysNoOther) {
    start({.running = 4, .time = 300ms});
    const auto hanging = ask("hang");
    EXPECT_EQ(check("amy"), "/srv/amy/secret");
    EXPECT_EQ(outcome(hanging), "busy: PAM has not decided within 1 s; look at the modules of its service");
    const int process = pam_process();
    EXPECT_TRUE(testing::eventually([&] { return children_of(process, "pam-check").empty(); }));
}

TEST_F(PamClient, ACheckEndsWithTheDescriptor) {
    start();
    auto asked = ask("hang");
    const int process = pam_process();
    EXPECT_TRUE(testing::eventually([&] { return children_of(process, "pam-check").size() == 1; }));
    asked->reset();
    EXPECT_TRUE(testing::eventually([&] { return children_of(process, "pam-check").empty(); }));
}

TEST_F(PamClient, TheNumberOfChecksIsLimited) {
    start({.running = 2, .time = 10s});
    const auto one = ask("hang");
    auto other = ask("hang");
    EXPECT_EQ(check("amy"), "busy: 2 passwords are being checked with PAM already");
    other->reset();
    EXPECT_TRUE(testing::eventually([&] { return check("amy") == "/srv/amy/secret"; }));
}

TEST_F(PamClient, WhatPamCannotHaveIsRefused) {
    start();
    for (const auto* const user : {"", "-rf", "a:b", "a/b", "a b", "\xc3\xa4", "a\nb", "\x7f"})
        EXPECT_EQ(check(user), "login_refused: no system user can have this name") << user;
    EXPECT_EQ(check(std::string(257, 'a')), "login_refused: no system user can have this name");
    EXPECT_EQ(check("amy", ""), "login_refused: the password is empty");
    EXPECT_EQ(check("amy", std::string(513, 'x')), "login_refused: the password is longer than PAM accepts");
    EXPECT_EQ(check("amy", std::string("a\0b", 3)), "login_refused: the password is longer than PAM accepts");
    const std::string longest(512, 'x');
    EXPECT_EQ(check("amy", longest), "/srv/amy/" + longest);
}

TEST_F(PamClient, WithoutTheProcessNoPasswordIsChecked) {
    start();
    const auto waiting = ask("hang");
    const int process = pam_process();
    ASSERT_GT(process, 0);
    ::kill(process, SIGKILL);
    constexpr auto expected = "closed: the PAM process has ended; restart the daemon";
    EXPECT_EQ(outcome(waiting), expected);
    EXPECT_EQ(check("amy"), expected);
}

TEST_F(PamClient, TheProcessEndsWithTheClient) {
    start();
    const auto asked = ask("hang");
    const int process = pam_process();
    pam.reset();
    EXPECT_EQ(::kill(process, 0), -1);
    EXPECT_EQ(outcome(asked), "busy: the daemon ends");
}

}  // namespace
}  // namespace sallyport::helper
