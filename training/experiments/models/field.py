"""Everyone who takes part where a task does not say otherwise; those that train slowly come last."""

from training.experiments.models.attention import ATTENTION
from training.experiments.models.continuous import CFC, LTC
from training.experiments.models.gru_d import GRU_D
from training.experiments.models.mtan import MTAN
from training.experiments.models.published import NAC, NAC_LAN
from training.experiments.models.recurrent import GRU, LSTM, SIMPLE_RNN

BRISK = (*ATTENTION, SIMPLE_RNN, LSTM, GRU, GRU_D, MTAN, CFC)
FIELD = (*BRISK, LTC, NAC_LAN, NAC)
