"""Times and counts of one timed loop, added up over its iterations."""

from __future__ import annotations

import torch


class BenchmarkProfiler:
    def __init__(self):
        self.cuda_event_dict = {}
        self.timer_dict = {}
        self.aux_info = {}
        self.started = False
        self.is_recording_perf_profile = False

    def clean(self):
        self.cuda_event_dict = {}
        self.timer_dict = {}
        self.aux_info = {}

    def start(self):
        self.started = True

    def stop(self):
        self.started = False

    def get_cuda_event(self, name):
        if name not in self.cuda_event_dict:
            self.cuda_event_dict[name] = torch.cuda.Event(enable_timing=True)
        return self.cuda_event_dict[name]

    def record_cuda_event(self, name):
        if self.started:
            self.get_cuda_event(name).record()

    def record_elapsed_time(self, first, last, timer):
        self.timer_dict.setdefault(timer, 0.0)
        if self.started:
            begin, end = self.get_cuda_event(first), self.get_cuda_event(last)
            begin.synchronize()
            end.synchronize()
            self.timer_dict[timer] += begin.elapsed_time(end)

    def get_timer_value(self, timer):
        return self.timer_dict[timer]

    def add_aux_info(self, name, value):
        if self.started:
            self.aux_info[name] = self.aux_info.get(name, 0) + value

    def get_aux_info(self, name):
        return self.aux_info[name]

    def set_recording_perf_profile(self, value):
        self.is_recording_perf_profile = value
