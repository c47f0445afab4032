#pragma once
// A minimal coroutine type: started when awaited, resumes its awaiter at its end, and owns its value until it is read.
// One thread.

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace sallyport::load {

template <class T>
class [[nodiscard]] task {
public:
    struct promise_type {
        std::coroutine_handle<> awaiter = std::noop_coroutine();
        std::optional<T> value;

        struct resume_awaiter {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
                return self.promise().awaiter;
            }
            void await_resume() const noexcept {}
        };

        task get_return_object() { return task(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        resume_awaiter final_suspend() const noexcept { return {}; }
        void return_value(T result) { value.emplace(std::move(result)); }
        void unhandled_exception() { std::terminate(); }
    };

    task(task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    task(const task&) = delete;
    task& operator=(const task&) = delete;
    task& operator=(task&&) = delete;
    ~task() {
        if (handle_) handle_.destroy();
    }

    /// Starts a task that no coroutine awaits.
    void start() { handle_.resume(); }
    [[nodiscard]] bool done() const { return handle_.done(); }
    [[nodiscard]] const T& value() const { return *handle_.promise().value; }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
        handle_.promise().awaiter = awaiter;
        return handle_;
    }
    T await_resume() { return std::move(*handle_.promise().value); }

private:
    explicit task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

}  // namespace sallyport::load
