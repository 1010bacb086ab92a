"""How endpoints serve, whichever release stands behind them: settings and the kill switch."""
