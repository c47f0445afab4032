#pragma once
// Runs an action at the end of a scope or of a coroutine, also after an exception. Owned by its scope, on the thread that
// leaves it; any thread. The action must not throw.

#include <utility>

namespace sallyport {

template <class Action>
class at_exit {
public:
    explicit at_exit(Action action) : action_(std::move(action)) {}
    ~at_exit() { action_(); }
    at_exit(const at_exit&) = delete;
    at_exit& operator=(const at_exit&) = delete;

private:
    Action action_;
};

}  // namespace sallyport
