// A session's server as a value: whoever made it hears what the session finds out, and of its release once.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include <sallyport/gate/destination.hpp>

namespace sallyport::gate {
namespace {

/// Such as no pool makes: a host that somebody named.
class named_host final : public destination::maker {
public:
    explicit named_host(std::vector<std::string>& told) : told_(told) { server_.host = "files.example.org"; }
    ~named_host() override { told_.emplace_back("released"); }
    named_host(const named_host&) = delete;
    named_host& operator=(const named_host&) = delete;

    [[nodiscard]] const backend& parameters() const override { return server_; }
    void responded(net::clock::duration) override { told_.emplace_back("responded"); }
    void failed(const backend_failure& why) override { told_.push_back("failed at " + why.text()); }
    void suspected() override { told_.emplace_back("suspected"); }
    [[nodiscard]] proto::method_set refused_methods() const override { return refused_; }
    void learn_refused_methods(proto::method_set refused) override { refused_ = refused; }
    void waits_for_user(net::deadline, std::function<void()> leave) override { leave(); }
    void user_received() override { told_.emplace_back("user"); }

private:
    backend server_{};
    proto::method_set refused_;
    std::vector<std::string>& told_;
};

using words = std::vector<std::string>;

TEST(Destination, ReportsToWhoeverMadeIt) {
    words told;
    bool left = false;
    {
        destination to(std::make_unique<named_host>(told));
        EXPECT_EQ(to.name(), "ftp://files.example.org:21");
        to.responded({});
        to.failed({check_stage::tcp, error{errc::timeout, 0, "no answer"}});
        to.suspected();
        to.waits_for_user({}, [&] { left = true; });
        to.user_received();
        proto::method_set refused;
        refused.insert(proto::data_method::epsv);
        to.learn_refused_methods(refused);
        EXPECT_TRUE(to.refused_methods().contains(proto::data_method::epsv));
    }
    EXPECT_TRUE(left);
    ASSERT_EQ(told.size(), 5U);
    EXPECT_EQ(told[0], "responded");
    EXPECT_TRUE(told[1].starts_with("failed at tcp: ")) << told[1];
    EXPECT_EQ(told[2], "suspected");
    EXPECT_EQ(told[3], "user");
    EXPECT_EQ(told[4], "released");
}

TEST(Destination, IsReleasedOnceAndByWhoHasItLast) {
    words told;
    destination first(std::make_unique<named_host>(told));
    destination second = std::move(first);
    EXPECT_TRUE(second);
    EXPECT_TRUE(told.empty());
    second.release();
    second.release();
    EXPECT_FALSE(second);
    EXPECT_EQ(told, words{"released"});
}

TEST(Destination, GivesUpTheOneBeforeWhenItIsReplaced) {
    words told;
    destination to(std::make_unique<named_host>(told));
    to = destination(std::make_unique<named_host>(told));
    EXPECT_EQ(told, words{"released"});
}

}  // namespace
}  // namespace sallyport::gate
