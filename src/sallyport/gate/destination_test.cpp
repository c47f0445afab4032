// A session's destination: its maker is notified of what the session learns, and of the release once.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include <sallyport/gate/destination.hpp>

namespace sallyport::gate {
namespace {

/// A destination without a pool: a host given by a user.
class named_host final : public destination::maker {
public:
    explicit named_host(std::vector<std::string>& notified) : notified_(notified) { server_.host = "files.example.org"; }
    ~named_host() override { notified_.emplace_back("released"); }
    named_host(const named_host&) = delete;
    named_host& operator=(const named_host&) = delete;

    [[nodiscard]] const backend& parameters() const override { return server_; }
    void responded(net::clock::duration) override { notified_.emplace_back("responded"); }
    void failed(const backend_failure& failure) override { notified_.push_back("failed at " + failure.text()); }
    void suspected() override { notified_.emplace_back("suspected"); }
    [[nodiscard]] proto::method_set refused_methods() const override { return refused_; }
    void learn_refused_methods(proto::method_set refused) override { refused_ = refused; }
    void waits_for_user(net::deadline, std::function<void()> end_session) override { end_session(); }
    void user_received() override { notified_.emplace_back("user"); }

private:
    backend server_{};
    proto::method_set refused_;
    std::vector<std::string>& notified_;
};

using notifications = std::vector<std::string>;

TEST(Destination, ReportsToItsMaker) {
    notifications notified;
    bool ended = false;
    {
        destination to(std::make_unique<named_host>(notified));
        EXPECT_EQ(to.name(), "ftp://files.example.org:21");
        to.responded({});
        to.failed({check_level::tcp, error{errc::timeout, 0, "no answer"}});
        to.suspected();
        to.waits_for_user({}, [&] { ended = true; });
        to.user_received();
        proto::method_set refused;
        refused.insert(proto::data_method::epsv);
        to.learn_refused_methods(refused);
        EXPECT_TRUE(to.refused_methods().contains(proto::data_method::epsv));
    }
    EXPECT_TRUE(ended);
    ASSERT_EQ(notified.size(), 5U);
    EXPECT_EQ(notified[0], "responded");
    EXPECT_TRUE(notified[1].starts_with("failed at tcp: ")) << notified[1];
    EXPECT_EQ(notified[2], "suspected");
    EXPECT_EQ(notified[3], "user");
    EXPECT_EQ(notified[4], "released");
}

TEST(Destination, IsReleasedOnceByItsLastHolder) {
    notifications notified;
    destination first(std::make_unique<named_host>(notified));
    destination second = std::move(first);
    EXPECT_TRUE(second);
    EXPECT_TRUE(notified.empty());
    second.release();
    second.release();
    EXPECT_FALSE(second);
    EXPECT_EQ(notified, notifications{"released"});
}

TEST(Destination, ReleasesThePreviousOneOnAssignment) {
    notifications notified;
    destination to(std::make_unique<named_host>(notified));
    to = destination(std::make_unique<named_host>(notified));
    EXPECT_EQ(notified, notifications{"released"});
}

}  // namespace
}  // namespace sallyport::gate
