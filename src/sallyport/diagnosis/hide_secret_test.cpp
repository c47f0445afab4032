#include <sallyport/diagnosis/hide_secret.hpp>

#include <sallyport/diagnosis/facts_json.hpp>
#include <sallyport/diagnosis/report.hpp>
#include <sallyport/diagnosis/test_facts.hpp>

namespace sallyport::diagnosis {
namespace {

using testing::HasSubstr;
using testing::Not;

// S7
TEST(hide_secret, no_report_and_no_saved_run_quotes_the_password) {
    auto known = opened_session();
    known.greeting = "220 geheim";
    known.features = {"X-geheim"};
    known.phases.push_back({"login", false, 1, "login_refused", 530, "530 User anna with password geheim refused"});
    known.methods = {attempt(proto::data_method::pasv, method_result::verb_refused)};
    known.methods.front().reply = "550 geheim";
    known.methods.front().detail = "550 geheim";
    known.methods.front().malformed = "no port in the reply: 227 geheim";
    known.not_measured = {"EPSV: no further session was admitted (421 geheim)"};
    hide_secret(known, "geheim");
    const auto found = judge(known);
    for (const auto& text : {to_json(known), report_text(known, found, true), report_json(known, found)}) {
        EXPECT_THAT(text, Not(HasSubstr("geheim")));
        EXPECT_THAT(text, HasSubstr("***"));
    }
}

TEST(hide_secret, no_secret_changes_nothing) {
    const auto before = to_json(opened_session());
    auto known = opened_session();
    hide_secret(known, "");
    EXPECT_EQ(to_json(known), before);
}

}  // namespace
}  // namespace sallyport::diagnosis
