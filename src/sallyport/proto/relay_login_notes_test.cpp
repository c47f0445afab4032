// What the log and the counts of logins get from a relayed login.

#include <sallyport/proto/relay_test_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;

TEST(RelayLoginNotes, NotesTheResultOfEachLogin) {
    play(usual(), {R"(< 220 Welcome.
> USER root
>> USER root
<< 530 Not you.
< 530 Not you.
> USER bob
>> USER bob
<< 331 Password?
< 331 Password?
> PASS wrong
>> PASS wrong
<< 530 No.
< 530 No.
> PASS bad
>> PASS bad
<< 430 Invalid username or password.
< 430 Invalid username or password.
> PASS right
>> PASS right
<< 230 In.
< 230 In.
)"},
         [](const relay_driver& driver) {
             std::vector<std::string> results;
             for (const auto& [kind, text] : driver.notes)
                 if (kind == relay_note::login_result) results.push_back(text);
             EXPECT_EQ(results, (std::vector<std::string>{"refused, 530 Not you.", "refused, 530 No.",
                                                          "refused, 430 Invalid username or password.", "accepted"}));
             EXPECT_EQ(driver.count(relay_note::login_accepted), 1U);
             EXPECT_EQ(driver.count(relay_note::login_refused), 2U) << "only a password counts as a guess";
         });
}

// The first login is in force after a refused USER, but the other user's password was not shown. vsftpd accepts any PASS
// then.
TEST(RelayLoginNotes, NotesNoAcceptanceOfARefusedSecondUser_AU02) {
    play(usual(), {R"(< 220 Welcome.
> USER anonymous
>> USER anonymous
<< 331 Password?
< 331 Password?
> PASS me@
>> PASS me@
<< 230 In.
< 230 In.
> USER anna
>> USER anna
<< 530 Cannot change from guest user.
< 530 Cannot change from guest user.
> PASS x
>> PASS x
<< 230 Already logged in.
< 230 Already logged in.
)"},
         [](const relay_driver& driver) {
             EXPECT_TRUE(driver.machine.login().logged_in());
             EXPECT_EQ(driver.machine.login().user(), "anonymous");
             EXPECT_EQ(driver.count(relay_note::login_result), 3U);
             EXPECT_EQ(driver.count(relay_note::login_accepted), 0U) << "the accepted login is anonymous";
         });
}

// A guess that would be given back here costs nothing at a server that hangs up after each wrong password.
TEST(RelayLoginNotes, APasswordCountsAsAWrongOneIfTheBackendEndsTheSessionInsteadOfReplying_AU02) {
    constexpr std::string_view password =
        "< 220 Welcome.\n> USER bob\n>> USER bob\n<< 331 P?\n< 331 P?\n> PASS x\n>> PASS x\n";
    for (const std::string_view end :
         {"! backend gone\n< 421 The FTP server closed the connection; connect again.\n= close\n",
          "<< 421 Too many tries.\n< 421 Too many tries.\n= close\n",
          "<< What?\n< 421 The FTP server sent an invalid reply.\n= close\n"}) {
        SCOPED_TRACE(end);
        play(usual(), {password, end},
             [](const relay_driver& driver) { EXPECT_EQ(driver.count(relay_note::login_refused), 1U); });
    }
    // An outage of the backend is no guess of its users.
    play(usual(), {password, "! backend silent\n< 421 The FTP server did not respond in time; try again later.\n= close\n"},
         [](const relay_driver& driver) { EXPECT_EQ(driver.count(relay_note::login_refused), 0U); });
    play(usual(), {"< 220 Welcome.\n> USER bob\n>> USER bob\n<< 421 Full.\n= find another for bob\n"},
         [](const relay_driver& driver) { EXPECT_EQ(driver.count(relay_note::login_refused), 0U); });
}

TEST(RelayLoginNotes, HasAPasswordPendingUntilItsReply_AU02) {
    play(usual(), {R"(< 220 Welcome.
> USER bob
>> USER bob
<< 331 Password?
< 331 Password?
> PASS right
>> PASS right
)"},
         [](const relay_driver& driver) { EXPECT_TRUE(driver.machine.login().password_pending()); });
    play(usual(), {login}, [](const relay_driver& driver) { EXPECT_FALSE(driver.machine.login().password_pending()); });
}

}  // namespace
}  // namespace sallyport::proto
