/** One count and one moving average of a household. */
public class Home {
  public long count;
  public double mean;

  public Home after(double x) {
    count += 1;
    mean += 0.1 * (x - mean);
    return this;
  }
}
