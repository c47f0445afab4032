#pragma once
// What the sessions of all loops tell of themselves, for whoever runs the daemon (G12). Inside front.
// On the loop that asks; each loop tells of its own sessions, and what they tell is a value. The loops outlive the question.

#include <memory>
#include <vector>

#include <sallyport/front/session.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/status/session_report.hpp>

namespace sallyport::front {

struct surveyed {
    net::loop& where;
    std::shared_ptr<roster> list;
};

/// On `here`; the loops may go down meanwhile. No longer than limits::survey_wait.
net::task<status::session_survey> survey(net::loop& here, std::vector<surveyed> loops);

}  // namespace sallyport::front
